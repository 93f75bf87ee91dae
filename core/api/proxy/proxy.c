#include "core/api/proxy/proxy.h"
bool api_is_proxy(const struct api_target *target)
{
    return target->is_resource && target->group.len == 0 &&
           ke_str_eq_c(target->subresource, "proxy") &&
           (ke_str_eq_c(target->resource, "pods") || ke_str_eq_c(target->resource, "services"));
}
void api_handle_proxy(struct api_request *request)
{
    api_respond_code(request, KE_METHOD, "");
}
