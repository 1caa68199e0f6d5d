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
    struct Options {
        Vocabulary vocabulary;
        Merges merges;
        std::optional<TokenId> unknown;
        ByteTokens bytes;            // none without byte_fallback
        bool fuse_unknown = false;   // several in a row are one
        bool ignore_merges = false;  // for a word that is a token
    };
    explicit Bpe(Options options) : options_(std::move(options)) {}

    void split(std::string_view word, std::vector<TokenId>& to) const override {
        if (options_.ignore_merges) {
            if (const std::optional<TokenId> id = find_token(options_.vocabulary, word)) {
                to.push_back(*id);
                return;
            }
        }
        Chain chain(options_.merges);
        add_characters(word, chain);
        chain.merge();
        chain.append_to(to);
    }

private:
    // An unknown token comes when it is known that no other follows it, and so after the bytes of
    // what stands behind it, as in the package.
    void add_characters(std::string_view word, Chain& chain) const {
        std::size_t unknown = 0;  // how many are to be added
        const auto add_unknown = [&] {
            for (; unknown > 0; --unknown) chain.add(*options_.unknown);
        };
        std::vector<TokenId> bytes;
        for (; !word.empty(); word.remove_prefix(character_bytes(word))) {
            const std::string_view character = word.substr(0, character_bytes(word));
            bytes.clear();
            if (const std::optional<TokenId> id = find_token(options_.vocabulary, character)) {
                add_unknown();
                chain.add(*id);
            } else if (add_bytes(options_.bytes, character, bytes)) {
                for (const TokenId byte : bytes) chain.add(byte);
            } else if (options_.unknown) {
                if (!options_.fuse_unknown) add_unknown();
                unknown = 1;
            }
        }
        add_unknown();
    }

    const Options options_;
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
    for (const std::string_view key :
         {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
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
    Bpe::Options options;
    options.vocabulary = HF_TRY(parse_vocabulary(model));
    options.merges = HF_TRY(parse_merges(model, options.vocabulary));
    options.unknown = find_token(options.vocabulary, json::get_string(model, "unk_token"));
    options.fuse_unknown = json::get_bool(model, "fuse_unk");
    options.ignore_merges = json::get_bool(model, "ignore_merges");
    if (json::get_bool(model, "byte_fallback")) {
        options.bytes = find_byte_tokens(options.vocabulary);
    }
    return std::unique_ptr<const Pieces>(std::make_unique<const Bpe>(std::move(options)));
}

}  // namespace hf::media::text
