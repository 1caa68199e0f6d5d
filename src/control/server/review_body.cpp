#include "control/server/review_body.h"

#include <vector>

namespace hf::control {
namespace {

// A field of a message by its number; with members, it is a message itself.
struct Member {
    std::uint64_t number;
    std::string_view name;
    bool is_integer = false;
    std::vector<Member> members = {};
};

// k8s.io/api/authorization/v1 and authentication/v1, generated.proto.
const std::vector<Member>* members_of(std::string_view kind) {
    static const std::vector<Member> kAccess{
        {2,
         "spec",
         false,
         {{1,
           "resourceAttributes",
           false,
           {{1, "namespace"},
            {2, "verb"},
            {3, "group"},
            {4, "version"},
            {5, "resource"},
            {6, "subresource"},
            {7, "name"}}},
          {2, "nonResourceAttributes", false, {{1, "path"}, {2, "verb"}}}}}};
    static const std::vector<Member> kRules{{2, "spec", false, {{1, "namespace"}}}};
    static const std::vector<Member> kToken{{2, "spec", false, {{4, "expirationSeconds", true}}}};
    static const std::vector<Member> kNone;
    if (kind == "SelfSubjectAccessReview") return &kAccess;
    if (kind == "SelfSubjectRulesReview") return &kRules;
    if (kind == "SelfSubjectReview") return &kNone;
    if (kind == "TokenRequest") return &kToken;
    return nullptr;
}

// The fields of one protobuf message, one after the other.
class Fields final {
public:
    explicit Fields(ByteView bytes) : reader_(bytes) {}

    bool more() const { return reader_.remaining() > 0; }

    // Reads the next field into number, integer or bytes.
    Status next() {
        const std::uint64_t tag = HF_TRY(varint());
        number = tag >> 3;
        is_integer = false;
        bytes = {};
        switch (tag & 7) {
            case 0:
                integer = HF_TRY(varint());
                is_integer = true;
                return {};
            case 1: return reader_.skip(8);
            case 2: bytes = HF_TRY(reader_.take(HF_TRY(varint()))); return {};
            case 5: return reader_.skip(4);
            default: return data_loss("wire type {}", tag & 7);
        }
    }

    std::uint64_t number = 0;
    std::uint64_t integer = 0;
    bool is_integer = false;
    ByteView bytes;

private:
    Result<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = HF_TRY(reader_.read<std::uint8_t>());
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        return data_loss("an integer of more than ten bytes");
    }

    ByteReader reader_;
};

Result<json::Object> to_json(ByteView message, const std::vector<Member>& members) {
    json::Object object;
    for (Fields fields(message); fields.more();) {
        HF_TRY(fields.next());
        for (const Member& member : members) {
            if (member.number != fields.number || member.is_integer != fields.is_integer) continue;
            if (member.is_integer) {
                object[member.name] = static_cast<std::int64_t>(fields.integer);
            } else if (member.members.empty()) {
                object[member.name] = as_text(fields.bytes);
            } else {
                object[member.name] = HF_TRY(to_json(fields.bytes, member.members));
            }
        }
    }
    return object;
}

Result<json::Value> parse_envelope(ByteView body) {
    constexpr std::string_view kMagic("k8s\0", 4);
    if (!as_text(body).starts_with(kMagic)) return data_loss("it does not begin with 'k8s'");
    std::string api_version, kind;
    ByteView raw;
    for (Fields fields(body.subspan(kMagic.size())); fields.more();) {
        HF_TRY(fields.next());
        if (fields.number == 2) raw = fields.bytes;
        if (fields.number != 1) continue;
        for (Fields type(fields.bytes); type.more();) {
            HF_TRY(type.next());
            if (type.number == 1) api_version = std::string(as_text(type.bytes));
            if (type.number == 2) kind = std::string(as_text(type.bytes));
        }
    }
    const std::vector<Member>* members = members_of(kind);
    if (!members) return data_loss("kind '{}' is read as JSON only", kind.substr(0, 80));
    json::Object object = HF_TRY(to_json(raw, *members));
    object["apiVersion"] = api_version;
    object["kind"] = kind;
    return json::Value(std::move(object));
}

}  // namespace

Result<json::Value> parse_protobuf_review(ByteView body) {
    Result<json::Value> value = parse_envelope(body);
    if (value.ok()) return value;
    return invalid_argument("the protobuf body cannot be read: {}; send application/json",
                            value.status().message());
}

}  // namespace hf::control
