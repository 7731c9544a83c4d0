/* SPDX-License-Identifier: MIT */
/* contract.h - GET /openapi.yaml: the contract, embedded into the binary when it is built. */
#ifndef HTTP_CONTRACT_H
#define HTTP_CONTRACT_H

#include "http/request.h"

void contract_get(struct request *request);

#endif
