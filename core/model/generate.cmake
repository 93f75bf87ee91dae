# SPDX-License-Identifier: Apache-2.0
# The wire schema as constant tables, made at build time by a small host program. The program is built plainly: without
# the sanitizers and the fuzzer's instrumentation, which are for what it makes and not for itself.
set(schema_json ${CMAKE_SOURCE_DIR}/core/model/schema/kubernetes-types.json)
set(schema_tables ${CMAKE_BINARY_DIR}/generated/core/model/schema/tables.c)
add_executable(model_schema_gen core/model/schema/gen/gen.c)
target_compile_definitions(model_schema_gen PRIVATE _GNU_SOURCE)
target_compile_options(model_schema_gen PRIVATE -Wall -Wextra -O1)
target_link_libraries(model_schema_gen PRIVATE ext_cjson)
add_custom_command(OUTPUT ${schema_tables}
                   COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated/core/model/schema
                   COMMAND model_schema_gen ${schema_json} ${schema_tables}
                   DEPENDS model_schema_gen ${schema_json} VERBATIM)
list(APPEND sources ${schema_tables})
