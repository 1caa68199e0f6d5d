// What nodes may do: everything that is allowed, and around it what is not.

#include "control/server/node_access.h"

#include <gtest/gtest.h>

#include "api/kinds.h"
#include "control/server/enrolment.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

api::AccessRequest access(std::string verb, std::string resource, std::string name = "") {
    api::AccessRequest request;
    request.verb = std::move(verb);
    request.resource = std::move(resource);
    request.name = std::move(name);
    return request;
}

bool is_allowed(const api::AccessRequest& asked) {
    const bool own = asked.name == "press";
    if (asked.resource == "nodes" && own)
        return asked.verb == "get" || asked.verb == "list" || asked.verb == "watch" ||
               asked.verb == "create";
    if (asked.resource == "nodes") return asked.verb == "create";
    if (asked.resource == "nodes/status")
        return own && (asked.verb == "update" || asked.verb == "patch");
    return asked.resource == "events" && asked.verb == "create";
}

TEST(NodeAccess, TheWholeTable) {
    std::vector<std::string> resources{"*", "", "nodes/", "enrolments", "jointokens"};
    for (const api::Kind* kind : api::all_kinds()) {
        resources.push_back(kind->plural);
        resources.push_back(kind->plural + "/status");
        resources.push_back(kind->plural + "/token");
    }
    std::size_t allowed = 0;
    for (const std::string& resource : resources) {
        for (const char* verb : {"get", "list", "watch", "create", "update", "patch", "delete",
                                 "deletecollection", "bind", "escalate", "impersonate", "*", ""}) {
            for (const char* name : {"press", "pres", "press2", "other", "", "*"}) {
                const api::AccessRequest asked = access(verb, resource, name);
                const Status status = decide_node_access("press", asked);
                EXPECT_EQ(status.ok(), is_allowed(asked)) << verb << " " << resource << " " << name;
                if (status.ok()) {
                    ++allowed;
                } else {
                    EXPECT_EQ(status.code(), Code::kPermissionDenied);
                    EXPECT_TRUE(reasons::of(status) == reasons::kNodeForbidden ||
                                reasons::of(status) == reasons::kNodeOfAnother);
                }
            }
        }
    }
    EXPECT_EQ(allowed, 3u + 6u + 2u + 6u);
}

TEST(NodeAccess, OtherGroupsPathsAndNobodyAreRefused) {
    api::AccessRequest other = access("get", "nodes", "press");
    other.group = "";
    EXPECT_FALSE(decide_node_access("press", other).ok());
    other.group = "authorization.k8s.io";
    EXPECT_FALSE(decide_node_access("press", other).ok());
    api::AccessRequest path;
    path.verb = "get";
    path.path = "/metrics";
    EXPECT_FALSE(decide_node_access("press", path).ok());
    EXPECT_FALSE(decide_node_access("", access("get", "nodes", "")).ok());
    EXPECT_FALSE(decide_node_access("", access("create", "nodes", "")).ok());
}

TEST(NodeAccess, NodesAreKnownByTheirGroupWhateverTheirName) {
    EXPECT_EQ(node_name(node_identity("press")), "press");
    EXPECT_EQ(node_name({"admin", {"system:masters", "system:nodes"}}), "");
    EXPECT_EQ(node_name({"system:node:press", {"system:authenticated"}}), std::nullopt);
}

TEST(NodeAccess, PathsOutsideTheGroupAreRefused) {
    for (const char* text : {"/api", "/apis", "/apis/holdfast.dev", "/apis/holdfast.dev/v1",
                             "/api/v1/namespaces", "/api/v1/namespaces/default/events",
                             "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                             "/apis/authentication.k8s.io/v1/selfsubjectreviews"}) {
        const auto path = parse_request_path(text);
        EXPECT_EQ(reasons::of(check_node_path("press", path ? &*path : nullptr)),
                  reasons::kNodeForbidden)
            << text;
    }
    EXPECT_FALSE(check_node_path("press", nullptr).ok());
    const auto own = parse_request_path("/apis/holdfast.dev/v1/nodes/press/status");
    EXPECT_TRUE(check_node_path("press", &*own).ok());
}

TEST(NodeAccess, ANodeStandsWhereItIsEnrolledFor) {
    const auto sent = [](const char* text) { return json::parse(text).value(); };
    for (const char* good : {"{}", "[]", "null", R"({"status":{}})", R"({"status":null})",
                             R"({"status":{"site":null}})", R"({"status":{"site":"hall"}})"}) {
        EXPECT_TRUE(check_node_site("press", "hall", sent(good)).ok()) << good;
    }
    for (const char* bad : {R"({"status":{"site":"yard"}})", R"({"status":{"site":""}})",
                            R"({"status":{"site":["hall"]}})", R"({"status":{"site":1}})"}) {
        EXPECT_EQ(reasons::of(check_node_site("press", "hall", sent(bad))), reasons::kNodeOtherSite)
            << bad;
    }
    EXPECT_FALSE(check_node_site("press", "", sent(R"({"status":{"site":"hall"}})")).ok());
}

TEST(NodeAccess, ObjectsAreMadeInTheNodesOwnNameOnly) {
    EXPECT_TRUE(check_node_object("press", api::Object::make("Node", "", "press")).ok());
    EXPECT_EQ(reasons::of(check_node_object("press", api::Object::make("Node", "", "drill"))),
              reasons::kNodeOfAnother);
    for (const char* field : {"labels", "annotations", "ownerReferences", "finalizers"}) {
        api::Object marked = api::Object::make("Node", "", "press");
        marked.edit_metadata()[field] = json::Object{{"a", "b"}};
        EXPECT_EQ(reasons::of(check_node_object("press", marked)), reasons::kNodeForbidden);
    }
    const auto event = [](const char* host) {
        api::Object object = api::Object::make("Event", "default", "e");
        object.fields()["source"] = json::Object{{"component", "node"}, {"host", host}};
        return object;
    };
    EXPECT_TRUE(check_node_object("press", event("press")).ok());
    EXPECT_TRUE(check_node_object("press", api::Object::make("Event", "default", "e")).ok());
    EXPECT_FALSE(check_node_object("press", event("drill")).ok());
}

}  // namespace
}  // namespace hf::control
