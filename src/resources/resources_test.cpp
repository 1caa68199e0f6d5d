#include "resources/resources.h"

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "api/yaml.h"
#include "base/rng.h"
#include "resources/bootstrap.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/script.h"
#include "testing/seeded_entropy.h"

namespace hf::resources {
namespace {

using namespace std::chrono_literals;
using api::Object;

using testing::SeededEntropy;

class ResourcesTest : public ::testing::Test {
protected:
    ResourcesTest() {
        admin_.who = api::Identity::of_system("test");
        admin_.report = &report_;
        removal_.who = admin_.who;
    }

    static Object object(std::string_view yaml) {
        return *Object::from_json(*api::parse_yaml(yaml));
    }
    static Object service(std::string_view name, std::string_view model = "pump:v1") {
        return object(
            fmt::format("{{apiVersion: holdfast.dev/v1, kind: Service, metadata: {{name: "
                        "{}, namespace: default}}, spec: {{model: '{}'}}}}",
                        name, model));
    }
    static ObjectKey key(std::string_view name) {
        return {&api::service_kind(), "default", std::string(name)};
    }
    std::size_t audited() { return store_->list(kAuditPrefix, {})->items.size(); }

    std::string names(const ListOptions& options = {}) {
        const Result<ObjectList> list = resources_.list(api::service_kind(), "default", options);
        if (!list.ok()) return list.status().to_string();
        std::string text;
        for (const Object& item : list->items) text += fmt::format("{} ", item.name());
        return text;
    }

    testing::ManualClock clock_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    SeededEntropy entropy_;
    Resources resources_{*store_, clock_, entropy_};
    Report report_;
    WriteOptions admin_;
    RemoveOptions removal_;
};

TEST_F(ResourcesTest, CreateGivesIdentityDefaultsAndAnAuditEntry) {
    const Result<Object> created = resources_.create(service("pump"), admin_);
    ASSERT_TRUE(created.ok()) << created.status().to_string();
    EXPECT_EQ(created->uid().size(), 36u);
    EXPECT_EQ(created->generation(), 1);
    EXPECT_EQ(created->creation_timestamp(), format_rfc3339(clock_.now()));
    EXPECT_EQ(json::get_string(created->spec(), "trustPolicy"), "default");
    EXPECT_EQ(*resources_.get(key("pump")), *created);
    ASSERT_EQ(audited(), 1u);
    const json::Value entry = *json::parse(store_->list(kAuditPrefix, {})->items[0].value);
    EXPECT_EQ(json::get_string(entry, "user"), "system:holdfast:test");
    EXPECT_EQ(json::get_string(entry, "verb"), "create");
    EXPECT_EQ(json::get_string(entry, "uid"), created->uid());
}

TEST_F(ResourcesTest, ManyEditsAreEachTheirOwn) {
    for (const char* name : {"a", "b", "c"})
        ASSERT_TRUE(resources_.create(service(name), admin_).ok());
    const auto to = [](std::string_view model) {
        return [model](Object& object) -> Status {
            object.edit_spec()["model"] = model;
            return {};
        };
    };
    int tries = 0;
    const auto contended = [&](Object& object) -> Status {
        // Somebody else writes between reading and writing, once.
        if (++tries == 1) HF_TRY(resources_.modify(key("b"), admin_, to("pump:other")).status());
        object.edit_spec()["replicas"] = 3;
        return {};
    };
    const std::size_t before = audited();
    const auto results = resources_.modify_each({{key("a"), to("pump:v2")},
                                                 {key("gone"), to("pump:v2")},
                                                 {key("b"), contended},
                                                 {key("c"), [](Object&) -> Status { return {}; }},
                                                 {key("c"), to("Not a model")},
                                                 {key("c"),
                                                  [](Object& object) -> Status {
                                                      object.edit_status()["digest"] =
                                                          "sha256:" + std::string(64, '1');
                                                      return {};
                                                  },
                                                  true}},
                                                admin_);
    ASSERT_EQ(results.size(), 6u);
    EXPECT_EQ(json::get_string(results[0]->spec(), "model"), "pump:v2");
    EXPECT_EQ(results[1].status().code(), Code::kNotFound);
    ASSERT_TRUE(results[2].ok()) << results[2].status().to_string();
    EXPECT_EQ(tries, 2);
    EXPECT_EQ(json::get_int(results[2]->spec(), "replicas"), 3);
    EXPECT_EQ(json::get_string(results[2]->spec(), "model"), "pump:other") << "not overwritten";
    EXPECT_TRUE(results[3].ok());
    EXPECT_EQ(results[4].status().code(), Code::kInvalidArgument);
    ASSERT_TRUE(results[5].ok()) << results[5].status().to_string();
    EXPECT_EQ(audited(), before + 4) << "one a write, and the other's";
    for (const std::size_t at : {0u, 2u, 5u})
        EXPECT_EQ(*resources_.get(key(results[at]->name())), *results[at]);
}

TEST_F(ResourcesTest, EventsToldTogetherAreCountedUpToo) {
    const Object pump = *resources_.create(service("pump"), admin_);
    EventNote note;
    note.reason = "Pulled";
    note.message = "it is here";
    EventNote other = note;
    other.reason = "Compiled";
    ASSERT_TRUE(resources_.record_event(pump, note).ok());
    ASSERT_TRUE(resources_.record_events({{pump, other}, {pump, note}, {pump, note}}).ok());
    std::map<std::string, std::int64_t> counts;
    const ObjectList events = resources_.list(api::event_kind(), "", {}).value();
    for (const Object& event : events.items)
        counts[std::string(json::get_string(event.json(), "reason"))] =
            json::get_int(event.json(), "count");
    EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{"Compiled", 1}, {"Pulled", 3}}));
}

TEST_F(ResourcesTest, WhatCannotBeCreatedLeavesNothingBehind) {
    EXPECT_EQ(resources_.create(service("Pump"), admin_).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(report_.causes.at(0).field, "metadata.name");
    EXPECT_EQ(resources_.create(service("pump", "nonsense"), admin_).status().code(),
              Code::kInvalidArgument);
    Object nowhere = service("pump");
    nowhere.edit_metadata()["namespace"] = "elsewhere";
    EXPECT_EQ(resources_.create(nowhere, admin_).status().code(), Code::kNotFound);
    Object unknown = service("pump");
    unknown.edit_spec()["modle"] = "x";
    const Status strict = resources_.create(unknown, admin_).status();
    EXPECT_NE(strict.message().find("unknown field \"spec.modle\" (did you mean \"model\"?)"),
              std::string::npos);
    EXPECT_EQ(resources_.create(object("{apiVersion: holdfast.dev/v1, kind: Servce}"), admin_)
                  .status()
                  .message(),
              "no matches for kind \"Servce\" in version \"holdfast.dev/v1\"; did you mean "
              "Service?");
    EXPECT_EQ(store_->revision(), store::Revision(0));
}

TEST_F(ResourcesTest, UnknownFieldsWarnOrAreIgnoredAndAreNeverStored) {
    Object unknown = service("pump");
    unknown.edit_spec()["modle"] = "x";
    admin_.field_validation = api::FieldValidation::kWarn;
    const Result<Object> created = resources_.create(unknown, admin_);
    ASSERT_TRUE(created.ok());
    EXPECT_EQ(report_.warnings.size(), 1u);
    EXPECT_EQ(json::find(created->spec(), "modle"), nullptr);
}

TEST_F(ResourcesTest, TheSameNameTwiceIsRefused) {
    ASSERT_TRUE(resources_.create(service("pump"), admin_).ok());
    const Status status = resources_.create(service("pump"), admin_).status();
    EXPECT_EQ(status.to_string(), "ALREADY_EXISTS: services.holdfast.dev \"pump\" already exists");
    EXPECT_EQ(audited(), 1u);
}

TEST_F(ResourcesTest, GeneratedNamesDiffer) {
    Object generated = service("x");
    generated.edit_metadata().erase("name");
    generated.edit_metadata()["generateName"] = "pump-";
    const Result<Object> one = resources_.create(generated, admin_);
    const Result<Object> two = resources_.create(generated, admin_);
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_TRUE(one->name().starts_with("pump-"));
    EXPECT_NE(one->name(), two->name());
}

TEST_F(ResourcesTest, DryRunChecksAllAndStoresNothing) {
    admin_.dry_run = true;
    EXPECT_TRUE(resources_.create(service("pump"), admin_).ok());
    EXPECT_EQ(store_->revision(), store::Revision(0));
    admin_.dry_run = false;
    ASSERT_TRUE(resources_.create(service("pump"), admin_).ok());
    admin_.dry_run = true;
    EXPECT_EQ(resources_.create(service("pump"), admin_).status().code(), Code::kAlreadyExists);
    removal_.dry_run = true;
    EXPECT_TRUE(resources_.remove(key("pump"), removal_).ok());
    EXPECT_TRUE(resources_.get(key("pump")).ok());
}

TEST_F(ResourcesTest, AStaleUpdateIsAConflictInKubernetesWords) {
    Object first = *resources_.create(service("pump"), admin_);
    Object second = first;
    first.edit_spec()["device"] = "ref";
    ASSERT_TRUE(resources_.update(first, admin_).ok());
    second.edit_spec()["device"] = "cpu";
    EXPECT_EQ(resources_.update(second, admin_).status().to_string(),
              "ABORTED: Operation cannot be fulfilled on services.holdfast.dev \"pump\": the "
              "object has been modified; please apply your changes to the latest version and try "
              "again");
    second.edit_metadata().erase("resourceVersion");
    EXPECT_EQ(resources_.update(second, admin_).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(audited(), 2u);
}

TEST_F(ResourcesTest, OnlyAChangeOfWhatIsWantedIsAGeneration) {
    Object pump = *resources_.create(service("pump"), admin_);
    pump.set_label("a", "b");
    pump = *resources_.update(pump, admin_);
    EXPECT_EQ(pump.generation(), 1);
    pump.edit_spec()["device"] = "ref";
    pump = *resources_.update(pump, admin_);
    EXPECT_EQ(pump.generation(), 2);
    pump.edit_status()["url"] = "http://x";
    pump = *resources_.update_status(pump, admin_);
    EXPECT_EQ(pump.generation(), 2);
    EXPECT_EQ(json::get_string(pump.status(), "url"), "http://x");
}

TEST_F(ResourcesTest, AnUpdateLeavesStatusAndAStatusUpdateTheRest) {
    Object pump = *resources_.create(service("pump"), admin_);
    pump.edit_status()["url"] = "http://x";
    EXPECT_TRUE(resources_.update(pump, admin_)->status().is_null());
    pump.edit_spec()["device"] = "ref";
    pump.set_label("a", "b");
    const Object after = *resources_.update_status(pump, admin_);
    EXPECT_EQ(json::get_string(after.spec(), "device"), "auto");
    EXPECT_EQ(after.label("a"), "");
    EXPECT_EQ(json::get_string(after.status(), "url"), "http://x");
}

TEST_F(ResourcesTest, AWriteThatChangesNothingIsNone) {
    const Object pump = *resources_.create(service("pump"), admin_);
    const Object again = *resources_.update(pump, admin_);
    EXPECT_EQ(again.resource_version(), pump.resource_version());
    EXPECT_EQ(audited(), 1u);
}

TEST_F(ResourcesTest, WhatMayNotChangeMayNotChange) {
    Object version = object(
        "{apiVersion: holdfast.dev/v1, kind: ModelVersion, metadata: {name: pump-v1, namespace: "
        "default}, spec: {model: pump, digest: "
        "'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}}");
    version = *resources_.create(version, admin_);
    version.edit_spec()["model"] = "fan";
    EXPECT_EQ(resources_.update(version, admin_).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(report_.causes.at(0).field, "spec");
}

TEST_F(ResourcesTest, PatchesMergeAndCompareOnlyWhenTheyAsk) {
    const Object pump = *resources_.create(service("pump"), admin_);
    Patch patch;
    patch.value = *json::parse(R"({"metadata":{"labels":{"a":"b"}},"spec":{"device":"ref"}})");
    const Object patched = *resources_.patch(key("pump"), patch, admin_);
    EXPECT_EQ(patched.label("a"), "b");
    EXPECT_EQ(json::get_string(patched.spec(), "model"), "pump:v1");
    patch.value =
        json::Object{{"metadata", json::Object{{"resourceVersion", pump.resource_version()}}}};
    EXPECT_EQ(resources_.patch(key("pump"), patch, admin_).status().code(), Code::kAborted);
    patch.value = *json::parse(R"({"metadata":{"name":"fan"}})");
    EXPECT_EQ(resources_.patch(key("pump"), patch, admin_).status().code(), Code::kInvalidArgument);
    patch.type = Patch::Type::kJson;
    patch.value = *json::parse(R"([{"op":"replace","path":"/spec/device","value":"cpu"}])");
    EXPECT_EQ(json::get_string(resources_.patch(key("pump"), patch, admin_)->spec(), "device"),
              "cpu");
    EXPECT_EQ(resources_.patch(key("fan"), patch, admin_).status().code(), Code::kNotFound);
}

TEST_F(ResourcesTest, ListsSelectAndPage) {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        Object item = service(name);
        item.set_label("half", name < std::string_view("c") ? "first" : "second");
        ASSERT_TRUE(resources_.create(item, admin_).ok());
    }
    EXPECT_EQ(names(), "a b c d e ");
    ListOptions second;
    second.selection.labels = *api::LabelSelector::parse("half=second");
    EXPECT_EQ(names(second), "c d e ");
    ListOptions paged;
    paged.limit = 2;
    std::string text;
    int pages = 0;
    do {
        const ObjectList page = *resources_.list(api::service_kind(), "default", paged);
        for (const Object& item : page.items) text += fmt::format("{} ", item.name());
        paged.continue_token = page.continue_token;
        // A change between the pages is not seen: they show one revision.
        if (pages++ == 0) {
            ASSERT_TRUE(resources_.remove(key("d"), removal_).ok());
        }
    } while (!paged.continue_token.empty());
    EXPECT_EQ(text, "a b c d e ");
    EXPECT_EQ(pages, 3);
    paged.continue_token = "nonsense";
    EXPECT_NE(names(paged).find("INVALID_ARGUMENT"), std::string::npos);
}

TEST_F(ResourcesTest, FinalizersDelayRemoval) {
    Object pump = service("pump");
    pump.set_finalizers({"holdfast.dev/node"});
    pump = *resources_.create(pump, admin_);
    EXPECT_FALSE(resources_.remove(key("pump"), removal_)->gone);
    pump = *resources_.get(key("pump"));
    EXPECT_TRUE(pump.being_removed());
    Object more = pump;
    more.set_finalizers({"holdfast.dev/node", "holdfast.dev/late"});
    EXPECT_EQ(resources_.update(more, admin_).status().code(), Code::kInvalidArgument);
    pump.set_finalizers({});
    EXPECT_TRUE(resources_.update(pump, admin_).ok());
    EXPECT_EQ(resources_.get(key("pump")).status().code(), Code::kNotFound);
}

TEST_F(ResourcesTest, RemovalComparesWhenAsked) {
    const Object pump = *resources_.create(service("pump"), admin_);
    removal_.uid = "another";
    EXPECT_EQ(resources_.remove(key("pump"), removal_).status().code(), Code::kAborted);
    removal_.uid = std::string(pump.uid());
    removal_.resource_version = "77";
    EXPECT_EQ(resources_.remove(key("pump"), removal_).status().code(), Code::kAborted);
    removal_.resource_version.clear();
    EXPECT_TRUE(resources_.remove(key("pump"), removal_)->gone);
    EXPECT_EQ(resources_.remove(key("pump"), removal_).status().code(), Code::kNotFound);
}

TEST_F(ResourcesTest, WhatAnObjectOwnsFollowsItUnlessOrphaned) {
    for (const Propagation propagation :
         {Propagation::kBackground, Propagation::kForeground, Propagation::kOrphan}) {
        const Object owner = *resources_.create(service("owner"), admin_);
        Object child = service("child");
        child.add_owner(owner.as_owner());
        child = *resources_.create(child, admin_);
        Object grandchild = service("grandchild");
        grandchild.add_owner(child.as_owner());
        ASSERT_TRUE(resources_.create(grandchild, admin_).ok());
        removal_.propagation = propagation;
        const Removal removal = *resources_.remove(key("owner"), removal_);
        EXPECT_EQ(removal.gone, propagation != Propagation::kForeground);
        ASSERT_TRUE(resources_.maintain().ok());
        EXPECT_EQ(names(), propagation == Propagation::kOrphan ? "child grandchild " : "");
    }
}

TEST_F(ResourcesTest, NobodyWritesARoleBeyondTheirOwn) {
    const Object all = object(
        "{apiVersion: holdfast.dev/v1, kind: Role, metadata: {name: all, namespace: default}, "
        "rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}");
    WriteOptions ada = admin_;
    ada.who = {"ada", {std::string(api::kAuthenticatedGroup)}};
    EXPECT_EQ(resources_.create(all, ada).status().code(), Code::kPermissionDenied);
    EXPECT_TRUE(resources_.create(all, admin_).ok());
}

TEST_F(ResourcesTest, TheBuiltInRolesAreMadeOnceAndKeptAsPeopleChangedThem) {
    ASSERT_TRUE(ensure_builtin_roles(resources_).ok());
    const ObjectKey view{&api::role_kind(), "holdfast-system", "view"};
    Object role = *resources_.get(view);
    role.fields()["rules"] = json::Array();
    role = *resources_.update(role, admin_);
    ASSERT_TRUE(ensure_builtin_roles(resources_).ok());
    EXPECT_EQ(*resources_.get(view), role);
    EXPECT_EQ(resources_.list(api::role_kind(), "", {})->items.size(), 3u);
}

TEST_F(ResourcesTest, AWatchSeesEveryChangeOnceInOrder) {
    ASSERT_TRUE(resources_.create(service("before"), admin_).ok());
    auto watch = *resources_.watch(api::service_kind(), "default", {});
    EXPECT_EQ(watch->next(0ms)->at(0).object.name(), "before");
    Object pump = *resources_.create(service("pump"), admin_);
    pump.edit_spec()["device"] = "ref";
    ASSERT_TRUE(resources_.update(pump, admin_).ok());
    ASSERT_TRUE(resources_.remove(key("pump"), removal_).ok());
    std::string seen;
    const std::vector<WatchEvent> events = *watch->next(0ms);
    for (const WatchEvent& event : events)
        seen += fmt::format("{} {} ", type_name(event.type), event.object.name());
    EXPECT_EQ(seen, "ADDED pump MODIFIED pump DELETED pump ");
    EXPECT_EQ(events.back().object.resource_version(), watch->resource_version());
    EXPECT_TRUE(watch->next(0ms)->empty());
}

TEST_F(ResourcesTest, AWatchResumesWhereAListEnded) {
    ASSERT_TRUE(resources_.create(service("a"), admin_).ok());
    const ObjectList list = *resources_.list(api::service_kind(), "", {});
    ASSERT_TRUE(resources_.create(service("b"), admin_).ok());
    WatchOptions options;
    options.after = *parse_resource_version(list.resource_version);
    auto watch = *resources_.watch(api::service_kind(), "", options);
    const std::vector<WatchEvent> events = *watch->next(0ms);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].object.name(), "b");
    ASSERT_TRUE(store_->compact(store_->revision()).ok());
    options.after = store::Revision(1);
    EXPECT_EQ(resources_.watch(api::service_kind(), "", options).status().code(),
              Code::kOutOfRange);
}

TEST_F(ResourcesTest, ASelectiveWatchSeesObjectsComeAndGo) {
    WatchOptions options;
    options.selection.labels = *api::LabelSelector::parse("on=yes");
    auto watch = *resources_.watch(api::service_kind(), "default", options);
    Object pump = *resources_.create(service("pump"), admin_);
    pump.set_label("on", "yes");
    pump = *resources_.update(pump, admin_);
    pump.set_label("on", "no");
    pump = *resources_.update(pump, admin_);
    ASSERT_TRUE(resources_.remove(key("pump"), removal_).ok());
    std::string seen;
    const std::vector<WatchEvent> events = *watch->next(0ms);
    for (const WatchEvent& event : events) seen += fmt::format("{} ", type_name(event.type));
    EXPECT_EQ(seen, "ADDED DELETED ");
}

TEST_F(ResourcesTest, EventsOfTheSameAreCountedAndExpire) {
    const Object pump = *resources_.create(service("pump"), admin_);
    EventNote note;
    note.reason = "Pulled";
    note.message = "pulled pump:v1";
    note.component = "node";
    ASSERT_TRUE(resources_.record_event(pump, note).ok());
    clock_.advance(5s);
    ASSERT_TRUE(resources_.record_event(pump, note).ok());
    note.reason = "Verified";
    ASSERT_TRUE(resources_.record_event(pump, note).ok());
    const ObjectList events = *resources_.list(api::event_kind(), "default", {});
    ASSERT_EQ(events.items.size(), 2u);
    std::int64_t count = 0;
    for (const Object& event : events.items) count += json::get_int(event.json(), "count");
    EXPECT_EQ(count, 3);
    ASSERT_TRUE(resources_.maintain().ok());
    EXPECT_EQ(resources_.list(api::event_kind(), "", {})->items.size(), 2u);
    clock_.advance(2h);
    ASSERT_TRUE(resources_.maintain().ok());
    EXPECT_EQ(resources_.list(api::event_kind(), "", {})->items.size(), 0u);
}

TEST_F(ResourcesTest, EventsThatAreToldTogetherAreCountedUpTogether) {
    std::vector<Resources::Told> told;
    for (int i = 0; i < 600; ++i) {
        EventNote note;
        note.reason = "NodeReady";
        note.message = "the node is heard";
        note.component = i % 2 == 0 ? "reconciler" : "";
        told.push_back({service(fmt::format("pump-{}", i % 300)), note});
    }
    ASSERT_TRUE(resources_.record_events(told).ok());
    ASSERT_TRUE(resources_.record_events(told).ok());
    const ObjectList events = *resources_.list(api::event_kind(), "default", {});
    ASSERT_EQ(events.items.size(), 300u);
    for (const Object& event : events.items) EXPECT_EQ(json::get_int(event.json(), "count"), 4);
}

TEST_F(ResourcesTest, ModifyStatusTriesAgainWhenOthersWrite) {
    ASSERT_TRUE(resources_.create(service("pump"), admin_).ok());
    int calls = 0;
    const Result<Object> written =
        resources_.modify_status(key("pump"), admin_, [&](Object& object) -> Status {
            if (calls++ == 0) {
                Object other = *resources_.get(key("pump"));
                other.set_label("a", "b");
                EXPECT_TRUE(resources_.update(other, admin_).ok());
            }
            api::set_condition(object, {"Ready", api::Truth::kTrue, "Serving", "serves"},
                               clock_.now());
            return {};
        });
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(written->label("a"), "b");
    EXPECT_TRUE(api::is_true(*written, "Ready"));
}

TEST_F(ResourcesTest, ADamagedObjectIsNamed) {
    ASSERT_TRUE(store_->commit({{}, {{"/objects/services/default/pump", "{", {}}}, {}}).ok());
    const Status status = resources_.get(key("pump")).status();
    EXPECT_EQ(status.code(), Code::kDataLoss);
    EXPECT_NE(status.message().find("/objects/services/default/pump"), std::string::npos);
}

}  // namespace
}  // namespace hf::resources
