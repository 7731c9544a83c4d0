/* SPDX-License-Identifier: MIT */
/* about.h - GET /version: what is running, and which Public Suffix List it goes by. */
#ifndef HTTP_ABOUT_H
#define HTTP_ABOUT_H

#include "http/request.h"

void about_version(struct request *request);

#endif
