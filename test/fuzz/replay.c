/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of a corpus folder: the committed corpus is a unit test of
 * every build. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    size_t n_inputs = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            (void)fprintf(stderr, "no corpus folder %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            if (entry->d_name[0] == '.')
                continue;
            ke_auto_buf path = KE_BUF_INIT(4096);
            ke_buf_addf(&path, "%s/%s", argv[i], entry->d_name);
            ke_buf_add_char(&path, '\0');
            ke_auto_buf bytes = KE_BUF_INIT(LIMIT_FILE_BYTES);
            struct ke_err err = KE_ERR_INIT;
            if (ke_file_read(path.ptr, &bytes, &err) != KE_OK) {
                (void)fprintf(stderr, "%s\n", err.msg);
                return 1;
            }
            (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes.ptr, bytes.len);
            n_inputs++;
        }
        (void)closedir(dir);
    }
    printf("%zu inputs replayed\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}
