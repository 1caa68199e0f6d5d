#include <thread>

#include <gtest/gtest.h>

#include "api/conditions.h"
#include "api/three_way.h"
#include "cli/fake_api_test.h"
#include "serve/infer_request.h"

namespace hf::cli {
namespace {

constexpr std::string_view kPump =
    "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: pump}\n"
    "spec: {model: 'pump:v1', device: cpu}\n";

class ResourceCommands : public ::testing::Test {
protected:
    ResourceCommands() { commands_.use(api_); }

    // What a command printed, when it went well.
    std::string good(const std::string& words) {
        EXPECT_EQ(commands_.run(words), 0) << words << ": " << commands_.note;
        return commands_.out;
    }

    // What it complained of, when it did not.
    std::string bad(const std::string& words) {
        EXPECT_EQ(commands_.run(words), 1) << words << ": " << commands_.out;
        return commands_.note;
    }

    static api::Object service(const std::string& name, api::Truth ready = api::Truth::kUnknown) {
        api::Object object = api::Object::make("Service", "default", name);
        object.edit_spec()["model"] = name + ":v1";
        if (ready != api::Truth::kUnknown) {
            api::set_condition(object, {"Ready", ready, "Because", "It is so.", 0, ""}, Instant());
        }
        return object;
    }

    std::size_t writes() {
        std::size_t count = 0;
        for (const std::string& request : api_.requests()) count += !request.starts_with("GET");
        return count;
    }

    FakeApi api_;
    CommandRunner commands_;
};

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST_F(ResourceCommands, ApplyCreatesThenLeavesThenChanges) {
    const std::string file = commands_.write_file("pump.yaml", std::string(kPump));
    EXPECT_EQ(good("apply -f " + file), "service/pump created\n");
    EXPECT_EQ(good("apply -f " + file), "service/pump unchanged\n");
    EXPECT_EQ(writes(), 1u);
    commands_.standard_input =
        "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: pump}\n"
        "spec: {model: 'pump:v2'}\n";
    EXPECT_EQ(good("apply -f -"), "service/pump configured\n");
    const json::Value now = api_.object("services/pump");
    EXPECT_EQ(json::write_canonical(*json::find(now, "spec")), R"({"model":"pump:v2"})");
    EXPECT_TRUE(has(api_.requests().back(), "fieldValidation=Strict"));
}

TEST_F(ResourceCommands, ApplySendsNothingWhenAnyDocumentIsWrong) {
    struct Case {
        std::string text;
        std::string said;
    };
    const std::string pump(kPump);
    for (const Case& c : std::vector<Case>{
             {pump + "---\napiVersion: holdfast.dev/v1\nkind: Servise\nmetadata: {name: a}\n",
              "document 2: no kind 'Servise'; did you mean"},
             {pump + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
              "want holdfast.dev/v1"},
             {pump + "---\napiVersion: holdfast.dev/v1\nkind: Service\n", "metadata.name"},
             {pump + "---\n[", "pump.yaml"},
             {"", "there is no resource"},
         }) {
        const std::string file = commands_.write_file("pump.yaml", c.text);
        EXPECT_TRUE(has(bad("apply -f " + file), c.said)) << commands_.note;
    }
    EXPECT_EQ(writes(), 0u);
    EXPECT_TRUE(has(bad("apply -f /nowhere.yaml"), "/nowhere.yaml"));
}

TEST_F(ResourceCommands, ApplyTakesListsApart) {
    commands_.standard_input =
        R"({"apiVersion":"v1","kind":"List","items":[
            {"apiVersion":"holdfast.dev/v1","kind":"Service","metadata":{"name":"a"}},
            {"apiVersion":"holdfast.dev/v1","kind":"Model","metadata":{"name":"b"}}]})";
    EXPECT_EQ(good("apply -f -"), "service/a created\nmodel/b created\n");
}

TEST_F(ResourceCommands, GetShowsInEveryForm) {
    api_.put(service("pump", api::Truth::kTrue));
    api_.put(service("fan"));
    const std::string table = good("get services");
    EXPECT_TRUE(table.starts_with("NAME ")) << table;
    EXPECT_TRUE(has(table, "READY")) << table;
    EXPECT_FALSE(has(table, "DIGEST")) << table;
    EXPECT_TRUE(has(good("get svc -o wide"), "DIGEST"));
    EXPECT_EQ(good("get service pump -o name"), "service/pump\n");
    EXPECT_EQ(good("get services -o name"), "service/fan\nservice/pump\n");
    EXPECT_TRUE(has(good("get service/pump -o yaml"), "model: pump:v1"));
    EXPECT_EQ(json::parse(good("get services -o json"))->at("items").as_array().size(), 2u);
    EXPECT_TRUE(has(good("get services -A"), "NAMESPACE"));
    EXPECT_EQ(good("get nodes"), "");
    EXPECT_EQ(commands_.note, "no nodes\n");
    EXPECT_EQ(good("get services -l app=x -o name"), "");
    EXPECT_TRUE(has(api_.requests().back(), "labelSelector=app%3Dx"));
}

TEST_F(ResourceCommands, GetRefusesWhatMakesNoSense) {
    EXPECT_TRUE(has(bad("get service none"), "not found"));
    EXPECT_TRUE(has(bad("get servise"), "did you mean"));
    EXPECT_TRUE(has(bad("get services -o xml"), "want json, yaml, wide or name"));
    EXPECT_TRUE(has(bad("get services pump -l a=b"), "either"));
    EXPECT_TRUE(has(bad("get services/"), "no name"));
}

TEST_F(ResourceCommands, GetWatchesUntilInterrupted) {
    api_.put(service("one"));
    commands_.stop_at = "three";
    std::thread later([this] {
        while (api_.requests().empty()) std::this_thread::yield();
        api_.put(service("two"));
        api_.put(service("three"));
    });
    EXPECT_EQ(good("get services -w -o name"), "service/one\nservice/two\nservice/three\n");
    later.join();
    commands_.stop_at = "three";
    const std::string table = good("get services -w");
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4) << table;
}

TEST_F(ResourceCommands, WaitEndsWhenTheConditionComes) {
    api_.put(service("pump", api::Truth::kTrue));
    EXPECT_EQ(good("wait service/pump --for=condition=Ready"), "service/pump condition met\n");
    api_.put(service("pump", api::Truth::kFalse));
    EXPECT_EQ(good("wait service pump --for=condition=Ready=False"),
              "service/pump condition met\n");
    std::thread later([this, before = api_.requests().size()] {
        while (api_.requests().size() < before + 2) std::this_thread::yield();
        api_.put(service("other", api::Truth::kTrue));
        api_.put(service("pump", api::Truth::kTrue));
    });
    EXPECT_EQ(good("wait service/pump --for=condition=Ready --timeout 1000s"),
              "service/pump condition met\n");
    later.join();
}

TEST_F(ResourceCommands, WaitSaysWhatItSawLast) {
    api_.put(service("pump", api::Truth::kFalse));
    const std::string said = bad("wait service/pump --for=condition=Ready --timeout 3s");
    EXPECT_TRUE(has(said, "time is up, and Ready is False: Because It is so.")) << said;
    EXPECT_TRUE(has(bad("wait service/none --for=condition=Ready"), "there is none"));
    EXPECT_TRUE(has(bad("wait service/pump --for=Ready"), "want condition=TYPE"));
    EXPECT_TRUE(has(bad("wait service/pump --for=condition=Ready=Maybe"), "want condition=TYPE"));
    EXPECT_TRUE(has(bad("wait service/pump --for=condition=Ready --timeout x"), "--timeout"));
}

TEST_F(ResourceCommands, WaitSeesWhatIsDeleted) {
    EXPECT_EQ(good("wait service/pump --for=delete"), "service/pump is gone\n");
    api_.put(service("pump"));
    std::thread later([this, before = api_.requests().size()] {
        while (api_.requests().size() < before + 2) std::this_thread::yield();
        api_.remove("services/pump");
    });
    EXPECT_EQ(good("wait service/pump --for=delete --timeout 1000s"), "service/pump is gone\n");
    later.join();
}

TEST_F(ResourceCommands, DeleteByNameAndByFile) {
    api_.put(service("pump"));
    api_.put(service("fan"));
    api_.put(service("rotor"));
    EXPECT_EQ(good("delete service pump fan"), "service/pump deleted\nservice/fan deleted\n");
    commands_.standard_input =
        "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: rotor}\n";
    EXPECT_EQ(good("delete -f -"), "service/rotor deleted\n");
    EXPECT_TRUE(has(bad("delete -f -"), "not found"));
    EXPECT_EQ(good("delete service/rotor --ignore-not-found"), "");
    EXPECT_TRUE(has(bad("delete service"), "NAME is missing"));
    EXPECT_TRUE(has(bad("delete"), "say what to delete"));
}

TEST_F(ResourceCommands, DescribeShowsConditionsAndEvents) {
    api_.put(service("pump", api::Truth::kTrue));
    api::Object event = api::Object::make("Event", "default", "pump.1");
    event.fields()["involvedObject"] = {{"kind", "Service"}, {"name", "pump"}};
    event.fields()["reason"] = "Pulled";
    event.fields()["message"] = "Pulled pump:v1.";
    event.fields()["type"] = "Normal";
    api_.put(event);
    const std::string text = good("describe service pump");
    for (const char* part :
         {"Name:       pump\n", "model: pump:v1", "reason: Because", "Pulled pump:v1."}) {
        EXPECT_TRUE(has(text, part)) << part << text;
    }
    EXPECT_TRUE(has(bad("describe service"), "NAME is missing"));
}

TEST_F(ResourceCommands, ExplainSaysWhereAServiceBelongs) {
    api::Object node = api::Object::make("Node", "", "edge");
    node.edit_status()["capacity"] = {{"cpus", 4}, {"memoryBytes", std::int64_t{1} << 33}};
    node.edit_status()["conditions"] = {{{"type", "Ready"}, {"status", "True"}}};
    api_.put(node);
    api_.put(service("pump"));
    const std::string text = good("explain service/pump");
    EXPECT_TRUE(has(text, "default/pump: 1 of 1 replicas placed\nPlaced:\n  edge: lowest score"))
        << text;
    EXPECT_TRUE(has(bad("explain service/none"), "not in this plan"));
    EXPECT_TRUE(has(bad("explain service"), "NAME is missing"));
    EXPECT_TRUE(has(bad("explain node/edge"), "only services are placed"));
}

TEST_F(ResourceCommands, WithoutAServerOrAKubeconfigTheErrorSaysWhatToDo) {
    commands_.environment["HOLDFAST_CONFIG"] = "/nowhere/kubeconfig";
    EXPECT_TRUE(has(bad("get services"), "`holdfast up` writes one"));
    const auto with = [&](const std::string& cluster) {
        commands_.environment["HOLDFAST_CONFIG"] = commands_.write_file(
            "other",
            "current-context: c\ncontexts: [{name: c, context: {cluster: l}}]\n"
            "clusters: [{name: l, cluster: {" +
                cluster + "}}]\n");
        return bad("get services");
    };
    EXPECT_TRUE(has(with("server: 'http://127.0.0.1:1'"), "is the server up?"));
    EXPECT_TRUE(has(with("server: '" + api_.url() + "'"), "who are you?"));
    EXPECT_TRUE(has(with("server: 'https://x', insecure-skip-tls-verify: true"), "always checked"));
    EXPECT_TRUE(has(with("server: 'https://x', certificate-authority-data: '*'"), "base64"));
    EXPECT_TRUE(has(with(""), "no server"));
}

// An inference server of one model that doubles its input.
http::Router doubling(std::string& authorization) {
    static const runtime::Signature kSignature{{{"x", DType::kF32, Shape{2}}},
                                               {{"y", DType::kF32, Shape{2}}}};
    http::Router router;
    router.add("GET", "/v2/models/pump", [](const http::Request&) {
        return http::Response::json(200,
                                    R"({"name":"pump","inputs":[{"name":"x","datatype":"FP32",
                                    "shape":[2]}],"outputs":[{"name":"y","datatype":"FP32",
                                    "shape":[2]}]})");
    });
    router.add("POST", "/v2/models/pump/infer", [&](const http::Request& request) {
        authorization = request.headers.get("Authorization").value_or("none");
        const std::string length(request.headers.get("Inference-Header-Content-Length").value());
        const serve::InferRequest asked =
            serve::parse_infer_request(request.body, std::stoul(length), kSignature).value();
        Tensor doubled(DType::kF32, Shape{2});
        const float* from = reinterpret_cast<const float*>(asked.inputs[0].bytes().data());
        float* to = reinterpret_cast<float*>(doubled.mutable_bytes().data());
        for (int i = 0; i < 2; ++i) to[i] = 2 * from[i];
        const std::vector<Tensor> outputs{doubled};
        const serve::InferBody body =
            serve::write_infer_response(asked, {"pump", "3", outputs}, kSignature).value();
        http::Response response;
        response.body = body.bytes;
        response.headers.set("Inference-Header-Content-Length",
                             fmt::format("{}", *body.json_bytes));
        response.headers.set("holdfast-receipt", "r-7");
        return response;
    });
    return router;
}

TEST_F(ResourceCommands, InferAsksTheServiceAndShowsTheReceipt) {
    std::string authorization;
    const std::unique_ptr<http::Server> server =
        http::Server::start({}, doubling(authorization)).value();
    const std::string input = commands_.write_file("x.json", "[1.5, 2]");
    api::Object pump = service("pump", api::Truth::kFalse);
    api_.put(pump);
    EXPECT_TRUE(has(bad("infer pump --input " + input), "does not answer yet: Because It is so."));
    const std::string address = fmt::format("http://127.0.0.1:{}", server->port());
    for (const std::string& url : {address, address + "/", address + "/v2/models/pump"}) {
        pump.edit_status()["url"] = url;
        api_.put(pump);
        EXPECT_EQ(good("infer pump --input x=" + input), "y f32[2] [3E0,4E0]\nreceipt r-7\n");
    }
    EXPECT_EQ(authorization, "none");
    EXPECT_EQ(good("infer pump --json --input " + input),
              "{\"model\":\"pump\",\"version\":\"3\",\"receipt\":\"r-7\",\"outputs\":[{\"name\":"
              "\"y\",\"dtype\":\"f32\",\"shape\":\"2\",\"data\":[3E0,4E0]}]}\n");
    EXPECT_TRUE(has(bad("infer pump"), "input 'x' is not given"));
    EXPECT_TRUE(has(bad("infer none --input random"), "not found"));
}

}  // namespace
}  // namespace hf::cli
