// What administrators ask of enrolment, as people (bearer token or certificate):
//
//     POST   /v1/join-tokens               {"node", "site", "uses", "validitySeconds"} -> {"token"}
//     GET    /v1/join-tokens               {"items": [...]}, without the tokens themselves
//     DELETE /v1/join-tokens/{id}          204
//     GET    /v1/enrolments                {"items": [...]}: nodes with their standing
//     POST   /v1/enrolments/{node}/revoke  {"why"} -> 204: its certificates are refused from now on
//     POST   /v1/enrolments/{node}/allow   204: ends a quarantine
//
// Access is judged as for resources "jointokens" and "enrolments": create, list, delete, update.
// And the enrolment itself, which makes the Node with its Site (enrolment.h): POST /v1/enrol,
// renew.
//
// Thread-safe. REQUIRES: everything handed in outlives the HTTP server that the router goes into.

#pragma once

#include "control/server/api_server.h"
#include "control/server/enrolment.h"
#include "control/server/join_tokens.h"

namespace hf::control {

struct AdminParts {
    ApiServer& api;
    resources::Resources& resources;
    JoinTokens& tokens;
    Enrolment& enrolment;
};

void add_admin_routes(http::Router& router, const AdminParts& parts);

}  // namespace hf::control
