#include "serve/ensemble/ensembles.h"

#include <gtest/gtest.h>

#include "serve/ensemble/adding_test.h"

namespace hf::serve::ensemble {
namespace {

using Host = std::shared_ptr<ModelHost>;

constexpr std::string_view kOuter = R"({"inputs": ["x"], "steps": [
    {"model": "both", "inputs": {"x": "x"}, "outputs": {"y": "a"}},
    {"model": "small", "inputs": {"x": "a"}, "outputs": {"y": "b"}}],
    "outputs": {"y": "b"}})";

constexpr std::string_view kThird = R"({"inputs": ["x"], "steps": [
    {"model": "small", "inputs": {"x": "x"}, "outputs": {"y": "a"}}], "outputs": {"y": "a"}})";

// A repository of "small", "large" and "spare", which add what their files say, "both" of the first
// two, "outer" of "both" and "small", and "third" of "small".
struct Service {
    testing::ManualClock clock;
    Models models;
    ModelRepository repository{models};
    Ensembles ensembles{models};
    std::map<std::string, float> files{{"small", 1}, {"large", 100}, {"spare", 7}};
    std::map<std::string, std::string> declarations{{"both", std::string(kCascade)},
                                                    {"outer", std::string(kOuter)},
                                                    {"third", std::string(kThird)}};
    bool other_ports = false;  // what is loaded from now on takes two numbers a row

    Service() {
        for (const auto& [name, added] : files) {
            const Status loaded = repository.add(
                name, ModelRepository::of_one(
                          [this, name = name](const ModelHost* now) { return load(name, now); }));
            EXPECT_TRUE(loaded.ok()) << loaded.to_string();
        }
        for (const auto& [name, text] : declarations) {
            const Status declared =
                ensembles.declare(name, [this, name = name] { return read(name); });
            EXPECT_TRUE(declared.ok()) << declared.to_string();
        }
        repository.set_dependents(&ensembles);
        const auto names = ensembles.in_order();
        EXPECT_TRUE(names.ok());
        for (const std::string& name : *names) {
            const Status loaded =
                repository.add(name, ModelRepository::of_one([this, name](const ModelHost* now) {
                                   return ensembles.load(name, now);
                               }));
            EXPECT_TRUE(loaded.ok()) << loaded.to_string();
        }
    }

    class Pairs final : public runtime::CompiledModel {
    public:
        const runtime::Signature& signature() const override { return signature_; }
        std::string_view device() const override { return "cpu"; }
        Result<std::unique_ptr<runtime::Session>> new_session() const override {
            return inner_.new_session();
        }

    private:
        const FakeModel inner_{0};
        const runtime::Signature signature_{{{"x", DType::kF32, Shape{Shape::kUnknown, 2}}},
                                            {{"y", DType::kF32, Shape{Shape::kUnknown, 2}}}};
    };

    Result<Host> load(const std::string& name, const ModelHost* now) {
        const float added = files.at(name);
        Host host = adding(name, added, clock);
        if (other_ports) {
            host = std::make_shared<ModelHost>(ModelHost::Identity{.name = name},
                                               std::make_shared<const Pairs>(), clock);
        } else if (now && now->identity().model_digest == host->identity().model_digest) {
            return Host();
        }
        return host;
    }

    Result<Ensembles::Read> read(const std::string& name) {
        Ensembles::Read read;
        read.declaration = declarations.at(name);
        read.digest = read.declaration;
        read.make = [this, name](const std::shared_ptr<const Graph>& graph) -> Result<Host> {
            return host_of(name, graph, clock);
        };
        return read;
    }

    // What the model makes of 1; -1: it does not answer.
    float answer(const std::string& name) {
        const Host host = models.find(name);
        if (!host) return -1;
        const std::vector<Tensor> inputs{numbers({1})};
        const auto outputs = host->run_uncounted(inputs);
        return outputs.ok() ? values_of((*outputs)[0])[0] : -2;
    }
};

TEST(Ensembles, AMemberThatIsLoadedAnewAnswersInAllThatIsMadeOfIt) {
    Service service;
    EXPECT_EQ(service.answer("both"), 101);
    EXPECT_EQ(service.answer("outer"), 102);
    const Host before = service.models.find("both");
    service.files["large"] = 200;
    ASSERT_TRUE(service.repository.load("large").ok());
    EXPECT_EQ(service.answer("both"), 201);
    EXPECT_EQ(service.answer("outer"), 202);
    EXPECT_NE(service.models.find("both")->identity().members_digest,
              before->identity().members_digest);
    // Whoever began before ends with what there was then.
    const std::vector<Tensor> inputs{numbers({1})};
    EXPECT_EQ(values_of((*before->run_uncounted(inputs))[0])[0], 101);
}

TEST(Ensembles, NothingIsMadeAnewWithoutAReason) {
    Service service;
    const Host before = service.models.find("outer");
    ASSERT_TRUE(service.repository.load("outer").ok());
    ASSERT_TRUE(service.repository.load("both").ok());
    ASSERT_TRUE(service.repository.load("small").ok());
    EXPECT_EQ(service.models.find("outer"), before);
}

TEST(Ensembles, AMemberThatFitsNoMoreIsNotLoaded) {
    Service service;
    service.other_ports = true;
    const Status refused = service.repository.load("large");
    EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
    EXPECT_NE(refused.message().find("the ensemble 'both' is made of 'large', which would not fit"),
              std::string::npos)
        << refused.message();
    EXPECT_NE(refused.message().find("/steps/1/inputs/x"), std::string::npos);
    EXPECT_EQ(service.answer("large"), 101);
    EXPECT_EQ(service.answer("both"), 101);
    // Without what is made of it, it may be.
    ASSERT_TRUE(service.repository.unload("both").ok());
    EXPECT_TRUE(service.repository.load("large").ok());
}

TEST(Ensembles, WhatIsMadeOfAMemberGoesAndComesWithIt) {
    Service service;
    ASSERT_TRUE(service.repository.unload("large").ok());
    EXPECT_EQ(service.answer("both"), -1);
    EXPECT_EQ(service.answer("outer"), -1);
    EXPECT_EQ(service.answer("small"), 2);
    EXPECT_EQ(service.repository.why_not("both"), "its member 'large' is not loaded");
    EXPECT_EQ(service.repository.why_not("outer"), "its member 'both' is not loaded");
    ASSERT_TRUE(service.repository.load("large").ok());
    EXPECT_EQ(service.answer("both"), 101);
    EXPECT_EQ(service.answer("outer"), 102);
    // Not what was unloaded by itself.
    ASSERT_TRUE(service.repository.unload("outer").ok());
    service.files["small"] = 2;
    ASSERT_TRUE(service.repository.load("small").ok());
    EXPECT_EQ(service.answer("outer"), -1);
    EXPECT_EQ(service.repository.why_not("outer"), "unloaded");
}

TEST(Ensembles, ALoadBringsTheMembers) {
    Service service;
    for (const char* name : {"small", "large"}) ASSERT_TRUE(service.repository.unload(name).ok());
    ASSERT_TRUE(service.repository.load("outer").ok());
    for (const char* name : {"small", "large", "both", "outer"}) {
        EXPECT_NE(service.answer(name), -1) << name;
    }
}

TEST(Ensembles, MembersGoWithTheEnsembleUnlessOthersNeedThem) {
    Service service;
    EXPECT_EQ(service.repository.members_alone_for("outer"),
              (std::vector<std::string>{"both", "large"}));
    ASSERT_TRUE(service.repository.unload("both", true).ok());
    for (const char* name : {"large", "both", "outer"}) EXPECT_EQ(service.answer(name), -1) << name;
    for (const char* name : {"small", "third"}) EXPECT_EQ(service.answer(name), 2) << name;
    ASSERT_TRUE(service.repository.unload("third", true).ok());
    EXPECT_EQ(service.answer("small"), 2);  // "outer" waits for "both" only
    ASSERT_TRUE(service.repository.unload("outer").ok());
    ASSERT_TRUE(service.repository.load("third").ok());
    ASSERT_TRUE(service.repository.unload("third", true).ok());
    EXPECT_EQ(service.answer("small"), -1);
}

TEST(Ensembles, ADeclarationIsReadAnewByALoadOnly) {
    Service service;
    std::string& text = service.declarations["both"];
    const std::string good = text;
    text.replace(text.find("\"large\""), 7, "\"spare\"");
    EXPECT_EQ(service.answer("both"), 101);
    ASSERT_TRUE(service.repository.load("both").ok());
    EXPECT_EQ(service.answer("both"), 8);
    text = "{}";
    EXPECT_FALSE(service.repository.load("both").ok());
    EXPECT_EQ(service.answer("both"), 8);
    service.files["spare"] = 70;
    ASSERT_TRUE(service.repository.load("spare").ok());
    EXPECT_EQ(service.answer("both"), 71);
}

TEST(Ensembles, OneThatIsMadeOfItselfIsRefused) {
    Service service;
    std::string& text = service.declarations["both"];
    text.replace(text.find("\"large\""), 7, "\"outer\"");
    const Status refused = service.repository.load("both");
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_NE(refused.message().find("is made of itself, by others"), std::string::npos)
        << refused.message();
    EXPECT_EQ(service.answer("both"), 101);
}

}  // namespace
}  // namespace hf::serve::ensemble
