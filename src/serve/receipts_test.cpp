#include "serve/receipts.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "serve/fake_model_test.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "trust/receipt.h"

namespace hf::serve {
namespace {

class CountingEntropy final : public env::Entropy {
public:
    void fill(std::span<std::uint8_t> bytes) override {
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(++count_);
    }

private:
    std::uint64_t count_ = 0;
};

struct Fixture {
    testing::MemoryFiles files;
    testing::ManualClock clock;
    CountingEntropy entropy;
    ModelHost::Identity identity{.name = "pump \"1\"",
                                 .version = "3",
                                 .platform = "onnx",
                                 .service = "pumps",
                                 .model_digest = "sha256:" + std::string(64, 'a'),
                                 .plan_digest = "",
                                 .signer = "key sha256:00"};

    std::unique_ptr<Receipts> open(Duration interval = {}) {
        Result<std::unique_ptr<Receipts>> receipts =
            Receipts::open({files, clock, entropy}, {"data", "node-a", interval});
        HF_CHECK(receipts.ok(), "{}", receipts.status().to_string());
        return std::move(*receipts);
    }

    Result<std::string> add(Receipts& receipts) {
        const ModelHost host(identity, std::make_shared<FakeModel>(1.0f), clock);
        return receipts.add({.host = host,
                             .request = crypto::sha256(as_bytes("in")),
                             .response = crypto::sha256(as_bytes("out")),
                             .duration = std::chrono::nanoseconds(1500)});
    }

    trust::NoteVerifier verifier() {
        const Bytes text = *files.read("data/log.pub", 1000);
        return *trust::NoteVerifier::parse(trim(as_text(text)));
    }
};

TEST(Receipts, AReceiptSaysWhatIsKnownAndVerifiesOffline) {
    Fixture fixture;
    const std::unique_ptr<Receipts> receipts = fixture.open();
    ASSERT_TRUE(fixture.add(*receipts).ok());
    const Result<std::string> id = fixture.add(*receipts);
    ASSERT_TRUE(id.ok());
    const Result<std::string> file = receipts->file(*id);
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    const trust::NoteVerifier verifier = fixture.verifier();
    EXPECT_EQ(verifier.name(), "holdfast/node-a");
    const Result<trust::VerifiedReceipt> verified =
        trust::verify_receipt_file(*file, verifier.key(), verifier.name());
    ASSERT_TRUE(verified.ok()) << verified.status().to_string();
    EXPECT_EQ(verified->index, 1u);
    EXPECT_EQ(verified->receipt,
              fmt::format(
                  R"({{"device":"cpu","duration_ns":1500,"id":"{}","model":{{"digest":"sha256:{}",)"
                  R"("name":"pump \"1\"","signer":"key sha256:00","version":"3"}},"node":"node-a",)"
                  R"("request":"{}","response":"{}","service":"pumps",)"
                  R"("time":"2027-01-15T08:00:00.000000Z","type":"holdfast.dev/receipt/v1"}})",
                  *id, std::string(64, 'a'), crypto::sha256(as_bytes("in")).to_string(),
                  crypto::sha256(as_bytes("out")).to_string()));
    EXPECT_EQ(json::write_canonical(*json::parse(verified->receipt)), verified->receipt);
}

TEST(Receipts, TheVerdictOfAGuardStandsInItsPlaceOfTheCanonicalForm) {
    Fixture fixture;
    const std::unique_ptr<Receipts> receipts = fixture.open();
    const ModelHost host(fixture.identity, std::make_shared<FakeModel>(1.0f), fixture.clock);
    const Result<std::string> id = receipts->add({.host = host,
                                                  .request = crypto::sha256(as_bytes("in")),
                                                  .response = crypto::sha256(as_bytes("out")),
                                                  .guard = R"({"mode":"flag","verdict":"pass"})"});
    ASSERT_TRUE(id.ok());
    const trust::NoteVerifier verifier = fixture.verifier();
    const Result<trust::VerifiedReceipt> verified =
        trust::verify_receipt_file(receipts->file(*id).value(), verifier.key(), verifier.name());
    ASSERT_TRUE(verified.ok()) << verified.status().to_string();
    EXPECT_NE(verified->receipt.find(R"(,"guard":{"mode":"flag","verdict":"pass"},"id":")"),
              std::string::npos)
        << verified->receipt;
}

TEST(Receipts, UnknownIdentifiersAreNotFound) {
    Fixture fixture;
    const std::unique_ptr<Receipts> receipts = fixture.open();
    const std::string id = *fixture.add(*receipts);
    std::string other = id;
    other.back() = other.back() == '0' ? '1' : '0';
    for (const std::string& unknown :
         std::vector<std::string>{"", "0", "0-", "-1", other, "1" + id.substr(1),
                                  "99999999999999999999-00", "x", id + "0", "+" + id, "00" + id}) {
        EXPECT_EQ(receipts->file(unknown).status().code(), Code::kNotFound) << unknown;
    }
    EXPECT_TRUE(receipts->file(id).ok());
}

TEST(Receipts, SurviveAStartAndKeepTheirKey) {
    Fixture fixture;
    std::string id;
    {
        const std::unique_ptr<Receipts> receipts = fixture.open();
        id = *fixture.add(*receipts);
    }
    const std::string key = fixture.verifier().text();
    const std::unique_ptr<Receipts> receipts = fixture.open();
    EXPECT_EQ(fixture.verifier().text(), key);
    EXPECT_TRUE(receipts->file(id).ok());
}

TEST(Receipts, WithoutItsKeyALogIsNotContinued) {
    Fixture fixture;
    {
        const std::unique_ptr<Receipts> receipts = fixture.open();
        ASSERT_TRUE(fixture.add(*receipts).ok());
    }
    ASSERT_TRUE(fixture.files.remove("data/key.pem").ok());
    const auto again = Receipts::open({fixture.files, fixture.clock, fixture.entropy},
                                      {"data", "node-a", Duration::zero()});
    EXPECT_EQ(again.status().code(), Code::kDataLoss);
}

TEST(Receipts, WithoutAReceiptThereIsNoAnswer) {
    Fixture fixture;
    const std::unique_ptr<Receipts> receipts = fixture.open();
    fixture.files.die_after(0);
    const Result<std::string> id = fixture.add(*receipts);
    EXPECT_EQ(id.status().code(), Code::kUnavailable);
    EXPECT_NE(id.status().message().find("nothing is answered"), std::string::npos);
}

TEST(Receipts, ManyThreadsGetOneEachAndAllVerify) {
    Fixture fixture;
    const std::unique_ptr<Receipts> receipts = fixture.open(std::chrono::milliseconds(1));
    const trust::NoteVerifier verifier = fixture.verifier();
    std::vector<std::thread> threads;
    std::vector<std::size_t> good(4);
    for (std::size_t& count : good) {
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                const Result<std::string> id = fixture.add(*receipts);
                if (!id.ok()) return;
                const Result<std::string> file = receipts->file(*id);
                if (!file.ok()) return;
                count += trust::verify_receipt_file(*file, verifier.key()).ok();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, std::vector<std::size_t>(4, 50));
    EXPECT_EQ(receipts->log().size(), 200u);
}

TEST(Receipts, TensorsHaveOneDigestWhateverTheirWire) {
    const float values[] = {1.5f, -2.0f};
    const Tensor tensor = Tensor::of<float>(DType::kF32, {1, 2}, values);
    Bytes bytes = to_bytes("{\"datatype\":\"FP32\",\"name\":\"x\",\"shape\":[1,2]}\n");
    bytes.insert(bytes.end(), tensor.bytes().begin(), tensor.bytes().end());
    const NamedTensor named{"x", tensor};
    EXPECT_EQ(tensors_digest({&named, 1}), crypto::sha256(bytes));
    const Tensor texts = Tensor::of_strings({1}, {"ab"});
    const NamedTensor named_texts{"t", texts};
    Bytes text_bytes = to_bytes("{\"datatype\":\"BYTES\",\"name\":\"t\",\"shape\":[1]}\n");
    append_le(text_bytes, std::uint32_t{2});
    text_bytes.insert(text_bytes.end(), {'a', 'b'});
    EXPECT_EQ(tensors_digest({&named_texts, 1}), crypto::sha256(text_bytes));
}

TEST(Receipts, AnEmptyFieldIsLeftOut) {
    Fixture fixture;
    fixture.identity = {.name = "m", .version = "1", .platform = "onnx"};
    const std::unique_ptr<Receipts> receipts = fixture.open();
    const std::string id = *fixture.add(*receipts);
    const std::string file = *receipts->file(id);
    EXPECT_NE(file.find(R"("model":{"name":"m","version":"1"},"node")"), std::string::npos) << file;
    EXPECT_EQ(file.find("service"), std::string::npos);
    EXPECT_EQ(file.find("energy"), std::string::npos);
}

}  // namespace
}  // namespace hf::serve
