#include "sim/models.h"

#include "base/digest.h"
#include "base/json.h"

namespace hf::sim {
namespace {

constexpr int kModels = 8;
constexpr int kGoodModels = 3;  // at least

template <typename Value>
const std::string& nth(const std::map<std::string, Value>& map, std::uint64_t index) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(index))->first;
}

// Most answer well; what does not shows it only once it answers.
void draw_answers(Model& model, Dice& dice) {
    switch (dice.below(10)) {
        case 0: model.loops = true; break;
        case 1: model.errors_percent = 80; break;
        case 2: model.errors_percent = 20; break;
        case 3: model.latency_ms = 900; break;
        default: break;
    }
}

}  // namespace

Models::Models(Dice& dice) {
    for (int i = 0; i < kModels; ++i) {
        Model model;
        model.digest = fmt::format("sha256:{:016x}{:016x}{:016x}{:016x}", dice.next(), dice.next(),
                                   dice.next(), dice.next());
        if (dice.chance(1, 4)) model.format = "tflite";
        model.is_signed = dice.chance(3, 4);
        model.is_scanned = dice.chance(7, 8);
        model.compiles_on_cpu = dice.chance(7, 8);
        model.golden = dice.chance(7, 8);
        model.crashes = dice.chance(1, 8);
        draw_answers(model, dice);
        if (i < kGoodModels) model = Model{model.digest};
        move(fmt::format("m{}:v1", i), model.digest);
        models_.emplace(model.digest, model);
    }
}

std::string Models::any_reference(Dice& dice) const {
    return nth(tags_, dice.below(tags_.size()));
}

void Models::move_a_tag(Dice& dice) {
    const auto to =
        std::next(models_.begin(), static_cast<std::ptrdiff_t>(dice.below(models_.size())));
    move(nth(tags_, dice.below(tags_.size())), to->first);
}

void Models::move(const std::string& reference, const std::string& digest) {
    tags_[reference] = digest;
    meant_.emplace(reference, digest);
}

std::string Models::any_digest(Dice& dice) const {
    return nth(models_, dice.below(models_.size()));
}

std::string Models::any_good_digest(Dice& dice) const {
    std::vector<std::string> good;
    for (const auto& [digest, model] : models_) {
        if (model.is_good()) good.push_back(digest);
    }
    return good.empty() ? any_digest(dice) : good[dice.below(good.size())];
}

std::string Models::resolve(const std::string& reference) const {
    const std::size_t pinned = reference.find('@');
    if (pinned != std::string::npos) return reference.substr(pinned + 1);
    const auto found = tags_.find(reference);
    return found == tags_.end() ? "" : found->second;
}

const Model* Models::find(const std::string& digest) const {
    const auto found = models_.find(digest);
    return found == models_.end() ? nullptr : &found->second;
}

bool Models::ever_meant(const std::string& reference, const std::string& digest) const {
    const std::size_t pinned = reference.find('@');
    if (pinned != std::string::npos) return reference.substr(pinned + 1) == digest;
    return meant_.contains({reference, digest});
}

Status Models::judge(const Model& model, const std::string& policy_text) {
    const json::Value policy = HF_TRY(json::parse(policy_text));
    if (json::get_bool(policy, "requireSignature", true) && !model.is_signed) {
        return failed_precondition("no signature");
    }
    if (json::get_bool(policy, "requireScan", true) && !model.is_scanned) {
        return failed_precondition("the scanner found something");
    }
    const json::Array* formats = json::find_array(policy, "allowedFormats");
    bool allowed = !formats;
    for (const json::Value& each : formats ? *formats : json::Array()) {
        allowed = allowed || (each.is_string() && json::as_view(each.get_string()) == model.format);
    }
    return allowed ? Status() : failed_precondition("format {} is not allowed", model.format);
}

}  // namespace hf::sim
