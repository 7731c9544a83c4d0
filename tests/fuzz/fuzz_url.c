/* SPDX-License-Identifier: MIT */
/* fuzz_url.c - fuzzes URLs, compared with libcurl's parser. */
#include "base/mem.h"
#include "base/url.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url url = {0};
    autofree char *decoded = url_decode((const char *)data, size);

    FUZZ_WANT(!decoded || strlen(decoded) <= size);
    if (url_parse((const char *)data, size, &url)) {
        FUZZ_WANT(!url.scheme && !url.host && !url.path);
        return 0;
    }
    FUZZ_WANT(size >= strlen("http://a") && size <= 2048);
    for (size_t i = 0; i < size; i++)
        FUZZ_WANT(data[i] > 0x20 && data[i] != 0x7f);
    FUZZ_WANT(memmem(data, size, "//", 2));
    FUZZ_WANT(strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0);
    FUZZ_WANT(*url.host && url.path[0] == '/');
    FUZZ_WANT(!url.has_user_info || memchr(data, '@', size));
    FUZZ_WANT(url.has_query <= (memchr(data, '?', size) != NULL));
    FUZZ_WANT(url.has_fragment <= (memchr(data, '#', size) != NULL));
    if (url_is_loopback(&url))
        FUZZ_WANT(strncmp(url.host, "127.", 4) == 0 || strcmp(url.host, "[::1]") == 0 ||
                  strcasecmp(url.host, "localhost") == 0);
    url_done(&url);
    return 0;
}
