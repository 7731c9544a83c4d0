/* SPDX-License-Identifier: MIT */
/* url.c - see url.h. Adds the checks that libcurl's parser lacks: it accepts "http:/x" and
 * "http:///x" as URLs of the host x, and schemes other than http.
 *
 * libcurl 7.88 decodes %2e and the like in the host, converts every spelling of an IPv4 address to
 * the dotted one, and drops the zone of an IPv6 address. Parts are in libcurl's memory until
 * url_done(). */
#include "base/url.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 2048

/* Since 8.8, libcurl takes "?" or "#" without a text for absent, unless this is set. */
#ifdef CURLU_GET_EMPTY
#define GET_FLAGS CURLU_GET_EMPTY
#else
#define GET_FLAGS 0
#endif

static const char *const schemes[] = {"http://", "https://"};

/* Returns the length of the scheme with its "://"; 0 if it is not http or https. */
static size_t scheme_len(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (len > n && strncasecmp(text, schemes[i], n) == 0)
            return n;
    }
    return 0;
}

static bool has_bad_byte(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f)
            return true;
    }
    return false;
}

static void curlu_done(CURLU **handle)
{
    curl_url_cleanup(*handle);
}
#define autocurlu __attribute__((cleanup(curlu_done)))

static bool has_part(CURLU *handle, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(handle, part, &text, GET_FLAGS) == CURLUE_OK;

    curl_free(text);
    return there;
}

static bool take_apart(CURLU *handle, struct url *url)
{
    url->has_user_info = has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD);
    url->has_query = has_part(handle, CURLUPART_QUERY);
    url->has_fragment = has_part(handle, CURLUPART_FRAGMENT);
    return curl_url_get(handle, CURLUPART_SCHEME, &url->scheme, 0) == CURLUE_OK &&
           curl_url_get(handle, CURLUPART_HOST, &url->host, 0) == CURLUE_OK &&
           curl_url_get(handle, CURLUPART_PATH, &url->path, 0) == CURLUE_OK;
}

enum err url_parse(const char *text, size_t len, struct url *ret_url)
{
    if (len > URL_MAX || has_bad_byte(text, len))
        return ERR_SYNTAX;
    size_t host_at = scheme_len(text, len);
    if (!host_at || strchr("/\\?#", text[host_at]))
        return ERR_SYNTAX;

    autofree char *copy = xstrndup(text, len);
    autocurlu CURLU *handle = curl_url();
    if (!handle || curl_url_set(handle, CURLUPART_URL, copy, 0) != CURLUE_OK)
        return ERR_SYNTAX;
    struct url url = {0};
    if (!take_apart(handle, &url)) {
        url_done(&url);
        return ERR_SYNTAX;
    }
    *ret_url = url;
    return ERR_OK;
}

void url_done(struct url *url)
{
    curl_free(url->scheme);
    curl_free(url->host);
    curl_free(url->path);
    *url = (struct url){0};
}

char *url_decode(const char *text, size_t len)
{
    int n = 0;

    if (!len) /* libcurl would read up to the NUL */
        return xstrdup("");
    char *raw = curl_easy_unescape(NULL, text, (int)len, &n);
    char *decoded = raw && strlen(raw) == (size_t)n ? xstrndup(raw, (size_t)n) : NULL;
    curl_free(raw);
    return decoded;
}

static bool is_loopback6(const char *host)
{
    size_t len = strlen(host);
    struct in6_addr address;

    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return false;
    autofree char *inside = xstrndup(host + 1, len - 2);
    return inet_pton(AF_INET6, inside, &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

bool url_is_loopback(const struct url *url)
{
    struct in_addr address;

    if (strcasecmp(url->host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, url->host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return is_loopback6(url->host);
}
