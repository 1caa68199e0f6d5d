#include <queue>

#include "base/text.h"
#include "media/text/pieces.h"

namespace hf::media::text {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::size_t kMaxMerges = 2'000'000;

struct Merge {
    std::size_t rank = 0;
    TokenId into = 0;
};

struct PairHash {
    std::size_t operator()(const std::pair<TokenId, TokenId>& pair) const {
        return static_cast<std::size_t>(pair.first) * 0x9E3779B97F4A7C15ULL ^
               static_cast<std::size_t>(pair.second);
    }
};
using Merges = std::unordered_map<std::pair<TokenId, TokenId>, Merge, PairHash>;

// A word while it is merged: a chain of pieces, and the pairs that might become one, best first.
class Chain final {
public:
    explicit Chain(const Merges& merges) : merges_(merges) {}

    void add(TokenId id) {
        const std::size_t at = links_.size();
        if (at > 0) links_[at - 1].next = at;
        links_.push_back({id, at > 0 ? at - 1 : kNone, kNone});
    }

    void merge() {
        for (std::size_t at = 0; at < links_.size(); ++at) consider(at);
        while (!queue_.empty()) {
            const Candidate best = queue_.top();
            queue_.pop();
            if (!still_is(best)) continue;
            Link& left = links_[best.at];
            Link& right = links_[left.next];
            left.id = best.into;
            right.gone = true;
            left.next = right.next;
            if (left.next != kNone) links_[left.next].previous = best.at;
            if (left.previous != kNone) consider(left.previous);
            consider(best.at);
        }
    }

    void append_to(std::vector<TokenId>& to) const {
        for (const Link& link : links_) {
            if (!link.gone) to.push_back(link.id);
        }
    }

private:
    struct Link {
        TokenId id;
        std::size_t previous;
        std::size_t next;
        bool gone = false;
    };
    struct Candidate {
        std::size_t rank;
        std::size_t at;  // of the left one
        TokenId left, right, into;

        bool operator<(const Candidate& other) const {  // the queue's top is the greatest
            return rank != other.rank ? rank > other.rank : at > other.at;
        }
    };

    void consider(std::size_t at) {
        const std::size_t next = links_[at].next;
        if (next == kNone) return;
        const auto found = merges_.find({links_[at].id, links_[next].id});
        if (found == merges_.end()) return;
        queue_.push({found->second.rank, at, links_[at].id, links_[next].id, found->second.into});
    }

    bool still_is(const Candidate& candidate) const {
        const Link& left = links_[candidate.at];
        return !left.gone && left.id == candidate.left && left.next != kNone &&
               links_[left.next].id == candidate.right;
    }

    const Merges& merges_;
    std::vector<Link> links_;
    std::priority_queue<Candidate> queue_;
};

class Bpe final : public Pieces {
public:
    Bpe(Vocabulary vocabulary, Merges merges, std::optional<TokenId> unknown)
        : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), unknown_(unknown) {}

    void split(std::string_view word, std::vector<TokenId>& to) const override {
        Chain chain(merges_);
        while (!word.empty()) {
            const std::size_t size = character_bytes(word);
            const std::optional<TokenId> id = find_token(vocabulary_, word.substr(0, size));
            if (id || unknown_) chain.add(id ? *id : *unknown_);
            word.remove_prefix(size);
        }
        chain.merge();
        chain.append_to(to);
    }

private:
    const Vocabulary vocabulary_;
    const Merges merges_;
    const std::optional<TokenId> unknown_;
};

// ["a", "b"], or "a b" as older files have it.
Result<std::pair<std::string, std::string>> parse_pair(const json::Value& value) {
    if (value.is_string()) {
        const std::vector<std::string_view> parts = split(json::as_view(value.get_string()), ' ');
        if (parts.size() == 2) return std::pair(std::string(parts[0]), std::string(parts[1]));
    } else if (value.is_array() && value.get_array().size() == 2 &&
               value.get_array()[0].is_string() && value.get_array()[1].is_string()) {
        return std::pair(std::string(json::as_view(value.get_array()[0].get_string())),
                         std::string(json::as_view(value.get_array()[1].get_string())));
    }
    return invalid_argument("want two pieces");
}

Result<Merges> parse_merges(const json::Value& model, const Vocabulary& vocabulary) {
    Merges merges;
    const json::Array* const all = json::find_array(model, "merges");
    if (!all) return invalid_argument("merges: is missing");
    if (all->size() > kMaxMerges) return resource_exhausted("merges: above {}", kMaxMerges);
    for (std::size_t rank = 0; rank < all->size(); ++rank) {
        const auto [left, right] = HF_TRY(parse_pair((*all)[rank]).context("merges/{}", rank));
        const auto a = find_token(vocabulary, left);
        const auto b = find_token(vocabulary, right);
        const auto into = find_token(vocabulary, left + right);
        if (!a || !b || !into) {
            return invalid_argument("merges/{}: '{}' and '{}', or both as one, are no tokens", rank,
                                    left, right);
        }
        merges.insert_or_assign(std::pair(*a, *b), Merge{rank, *into});
    }
    return merges;
}

Status refuse_others(const json::Value& model) {
    for (const std::string_view key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                       "fuse_unk", "byte_fallback", "ignore_merges"}) {
        const json::Value* const value = json::find(model, key);
        const bool off = !value || value->is_null() || (value->is_bool() && !value->get_bool()) ||
                         (value->is_string() && value->get_string().empty());
        if (!off) return unimplemented("BPE with '{}' is not built", key);
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<const Pieces>> parse_bpe(const json::Value& model) {
    HF_TRY(refuse_others(model));
    Vocabulary vocabulary = HF_TRY(parse_vocabulary(model));
    Merges merges = HF_TRY(parse_merges(model, vocabulary));
    const std::optional<TokenId> unknown =
        find_token(vocabulary, json::get_string(model, "unk_token"));
    return std::unique_ptr<const Pieces>(
        std::make_unique<const Bpe>(std::move(vocabulary), std::move(merges), unknown));
}

}  // namespace hf::media::text
