#include "api/three_way.h"

#include <gtest/gtest.h>

#include "api/patch.h"

namespace hf::api {
namespace {

json::Value value(std::string_view text) {
    return json::parse(text).value();
}

TEST(ThreeWay, ChangesOnlyWhatTheFileSays) {
    struct Case {
        std::string last;
        std::string wanted;
        std::string live;
        std::string patch;
    };
    for (const Case& c : std::vector<Case>{
             {"{}", R"({"a":1})", R"({"a":1})", "{}"},
             {"{}", R"({"a":1})", R"({"a":2,"b":3})", R"({"a":1})"},
             {R"({"a":1})", "{}", R"({"a":1,"b":3})", R"({"a":null})"},
             {R"({"a":1})", "{}", R"({"b":3})", "{}"},
             {R"({"s":{"x":1,"y":2}})", R"({"s":{"x":1}})", R"({"s":{"x":1,"y":2,"z":3}})",
              R"({"s":{"y":null}})"},
             {"{}", R"({"l":[1,2]})", R"({"l":[1]})", R"({"l":[1,2]})"},
             {"{}", R"({"s":{"x":1}})", R"({"s":5})", R"({"s":{"x":1}})"},
             {"{}", R"({"s":{"x":1}})", "{}", R"({"s":{"x":1}})"},
             {"null", R"({"a":null})", R"({"a":1})", R"({"a":null})"},
             {"null", R"({"a":null})", "{}", "{}"},
         }) {
        EXPECT_EQ(json::write(three_way_patch(value(c.last), value(c.wanted), value(c.live))),
                  c.patch)
            << c.last << c.wanted << c.live;
    }
}

class Apply : public ::testing::Test {
protected:
    static Object service(std::string_view spec) {
        Object object = Object::make("Service", "default", "pump");
        object.fields()["spec"] = value(spec);
        return object;
    }

    // What a server has after it took the patch.
    static Object patched(const Object& live, const Object& wanted) {
        json::Value changed = live.json();
        merge_patch(changed, apply_patch(wanted, live));
        return Object::from_json(changed).value();
    }
};

TEST_F(Apply, TheSecondTimeChangesNothing) {
    const Object wanted = service(R"({"model":"pump:v1","device":"cpu"})");
    Object live = with_last_applied(wanted);
    live.edit_metadata()["resourceVersion"] = "7";
    live.edit_spec()["trustPolicy"] = "default";
    live.edit_status()["node"] = "n1";
    EXPECT_EQ(json::write(apply_patch(wanted, live)), "{}");
}

TEST_F(Apply, WhatTheFileDroppedGoesAndWhatOthersSetStays) {
    Object live = with_last_applied(service(R"({"model":"pump:v1","device":"cpu"})"));
    live.edit_spec()["trustPolicy"] = "strict";
    live.set_label("owner", "someone");
    const Object wanted = service(R"({"model":"pump:v2"})");
    live = patched(live, wanted);
    EXPECT_EQ(json::write_canonical(live.spec()), R"({"model":"pump:v2","trustPolicy":"strict"})");
    EXPECT_EQ(live.label("owner"), "someone");
    EXPECT_EQ(json::write(apply_patch(wanted, live)), "{}");
}

TEST_F(Apply, AnObjectThatSomeoneElseMadeIsAdopted) {
    const Object live = service(R"({"model":"pump:v1","device":"cpu"})");
    const Object wanted = service(R"({"model":"pump:v1"})");
    const Object adopted = patched(live, wanted);
    EXPECT_EQ(json::get_string(adopted.spec(), "device"), "cpu");
    EXPECT_FALSE(adopted.annotation(kLastApplied).empty());
}

TEST_F(Apply, TheAnnotationHoldsNeitherItselfNorWhatServersSet) {
    Object wanted = with_last_applied(service(R"({"model":"pump:v1"})"));
    wanted.edit_metadata()["resourceVersion"] = "7";
    wanted.edit_status()["node"] = "n1";
    const Object marked = with_last_applied(wanted);
    EXPECT_EQ(marked.resource_version(), "");
    const json::Value kept = value(marked.annotation(kLastApplied));
    EXPECT_EQ(json::find(kept, "status"), nullptr);
    EXPECT_EQ(std::string(marked.annotation(kLastApplied)).find("last-applied"), std::string::npos);
}

}  // namespace
}  // namespace hf::api
