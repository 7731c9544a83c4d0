/* SPDX-License-Identifier: MIT */
/* engine_call.h - lets an endpoint wait for a short call to the engine, and says when the engine
 * hangs. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_ENGINE_CALL_H
#define HTTP_ENDPOINTS_ENGINE_CALL_H

#include "http/core/request.h"
#include "lookup/engine.h"

/* The engine keeps the deadline of what waits for it. A worker ends the wait itself if the engine
 * is late by so much: then it hangs. */
#define ENGINE_LATE_MS 1000

/* Seconds after which a request that the engine did not answer in time should be repeated. */
#define ENGINE_LATE_RETRY_S 5

/* Replies that the engine did not answer in time: 503 `overloaded`. For requests that spend no
 * credits. */
void engine_call_reply_late(struct request *request);

/* Replies to the request from the results of `call`. */
typedef void engine_call_reply_fn(struct request *request, struct engine_call *call);

/* Releases what `call` owns beside itself. */
typedef void engine_call_release_fn(struct engine_call *call);

/* Parks the request and posts `call`, whose `run` and parameters are set. When the call returns,
 * runs `reply`, then `release` (NULL = it owns nothing), and frees the call: it must be on the
 * heap, alone or as the first member of a larger object. If the engine hangs, replies with
 * engine_call_reply_late() when the call should have returned; what it does is done later, and
 * `reply` never runs. */
void engine_call_send(struct request *request, struct engine_call *call,
                      engine_call_reply_fn *reply, engine_call_release_fn *release);

/* The same, but `late` replies if the engine hangs. It must not touch the call itself, which the
 * engine may be using, only what is around it. */
void engine_call_send_or(struct request *request, struct engine_call *call,
                         engine_call_reply_fn *reply, engine_call_reply_fn *late,
                         engine_call_release_fn *release);

#endif
