/* SPDX-License-Identifier: MIT */
/* state_dir.c - see state_dir.h. The store creates the folder when it opens its file. */
#include "os/state_dir.h"

#include "base/buf.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Returns the URL of the store below `folder`, or NULL if that is not an absolute path. systemd
 * separates several folders by colons; `len` ends the first. */
static char *url_in(const char *folder, size_t len, const char *below)
{
    struct buf url = BUF_INIT(PATH_MAX);
    size_t url_len;

    if (len == 0 || *folder != '/')
        return NULL;
    buf_addf(&url, "sqlite:%.*s%s/emailsd.db", (int)len, folder, below);
    return buf_take(&url, &url_len);
}

char *state_dir_store_url(void)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *url = NULL;

    if (systemd)
        url = url_in(systemd, strcspn(systemd, ":"), "");
    if (!url && xdg)
        url = url_in(xdg, strlen(xdg), "/emailsd");
    if (!url && home)
        url = url_in(home, strlen(home), "/.local/state/emailsd");
    return url;
}
