/* SPDX-License-Identifier: MIT */
/* client_key.c - see client_key.h. Joins two ids of 128 bits each into a key. */
#include "base/client_key.h"

#include <string.h>

void client_key_new(char *text)
{
    char *end = mempcpy(text, CLIENT_KEY_PREFIX, sizeof CLIENT_KEY_PREFIX - 1);

    id_new(end);
    id_new(end + ID_LEN);
}
