#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "trust/receipt.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 64u << 10;

// Whom to believe: a key, and the log's name when the file tells it.
struct LogKey {
    crypto::Ed25519PublicKey key;
    std::string name;
};

Result<LogKey> read_key(World& world, const std::string& path) {
    const Bytes bytes = HF_TRY(world.files.read(path, kMaxKeyBytes));
    const std::string_view text = trim(as_text(bytes));
    if (text.starts_with("-----")) {
        return LogKey{
            HF_TRY(crypto::Ed25519PublicKey::from_pem(as_text(bytes)).context("{}", path)), ""};
    }
    const trust::NoteVerifier verifier =
        HF_TRY(trust::NoteVerifier::parse(text).context("{}", path));
    return LogKey{verifier.key(), verifier.name()};
}

std::string describe(const trust::VerifiedReceipt& verified) {
    const Result<json::Value> parsed = json::parse(verified.receipt);
    const json::Value receipt = parsed.ok() ? *parsed : json::Value();
    const json::Value* model = json::find(receipt, "model");
    const json::Value nothing;
    const json::Value& of = model ? *model : nothing;
    std::string text = fmt::format(
        "verified: receipt {}\n  leaf {} of the {} that log '{}' had signed\n"
        "  model {} version {} on {}, at {}\n",
        json::get_string(receipt, "id", "?"), verified.index, verified.checkpoint.head.size,
        verified.checkpoint.origin, json::get_string(of, "name", "?"),
        json::get_string(of, "version", "?"), json::get_string(receipt, "node", "?"),
        json::get_string(receipt, "time", "?"));
    const auto line = [&text](std::string_view label, std::string_view value) {
        if (!value.empty()) text += fmt::format("  {} {}\n", label, value);
    };
    line("model digest", json::get_string(of, "digest"));
    line("signed by", json::get_string(of, "signer"));
    if (const json::Value* guard = json::find(receipt, "guard")) {
        line("guard", json::get_string(*guard, "verdict"));
    }
    if (const json::Array* steps = json::find_array(receipt, "steps")) {
        for (const json::Value& step : *steps) {
            const json::Value* member = json::find(step, "model");
            if (!member) continue;
            line("step", fmt::format("{}, {} rows: {} version {} {}", json::get_int(step, "step"),
                                     json::get_int(step, "rows"), json::get_string(*member, "name"),
                                     json::get_string(*member, "version"),
                                     json::get_string(*member, "digest")));
        }
    }
    line("request", json::get_string(receipt, "request"));
    line("response", json::get_string(receipt, "response"));
    return text;
}

std::string digest_at(const json::Value& at) {
    const json::Value* const model = json::find(at, "model");
    return model ? std::string(json::get_string(*model, "digest")) : std::string();
}

// That the model in the file answered, or ran as a step of what answered.
Status check_model(World& world, const std::string& path, const trust::VerifiedReceipt& verified) {
    const std::string digest = HF_TRY(digest_of_model(world, path)).to_string();
    const json::Value receipt = HF_TRY(json::parse(verified.receipt));
    if (digest_at(receipt) == digest) return {};
    if (const json::Array* const steps = json::find_array(receipt, "steps")) {
        for (const json::Value& step : *steps) {
            if (digest_at(step) == digest) return {};
        }
    }
    return failed_precondition(
        "the receipt is good, and of another model: it names {}, and {} is {} (a replica of a "
        "Service is named by its manifest, as `holdfast vault list` tells it)",
        digest_at(receipt), path, digest);
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    const LogKey key = HF_TRY(read_key(world, arguments.get("key")));
    const Bytes file = HF_TRY(world.files.read(path, trust::kMaxReceiptFileBytes));
    const trust::VerifiedReceipt verified =
        HF_TRY(trust::verify_receipt_file(as_text(file), key.key, key.name).context("{}", path));
    if (arguments.has("model")) HF_TRY(check_model(world, arguments.get("model"), verified));
    world.out(arguments.flag("json") ? verified.receipt + "\n" : describe(verified));
    return {};
}

}  // namespace

Command receipt_verify_command() {
    return {
        "receipt verify",
        "Verifies a prediction's receipt offline; a change of any byte is refused",
        {{"FILE", "what GET /v2/receipts/ID answered, byte for byte"}},
        {{"--key", "the log's public key: log.pub of its folder, or PEM", "FILE", "", false, true},
         {"--model",
          "also that this model answered, or ran as a step: the file, with those that its weights "
          "are in",
          "FILE"},
         {"--json", "print the receipt itself", ""}},
        {"curl -s localhost:8080/v2/receipts/ID > receipt.json",
         "holdfast receipt verify receipt.json --key receipts/log.pub",
         "holdfast receipt verify receipt.json --key receipts/log.pub --model model.onnx"},
        run};
}

}  // namespace hf::cli
