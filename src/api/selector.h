// Label and field selectors, in Kubernetes' text forms ("app=pump,tier in (a,b),!old",
// "metadata.name=pump,status.node!=n1"). Values; pure.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"

namespace hf::api {

inline constexpr std::size_t kMaxSelectorBytes = 8u << 10;

using Labels = std::map<std::string, std::string, std::less<>>;

class LabelSelector final {
public:
    LabelSelector() = default;  // selects all

    // INVALID_ARGUMENT names the part that cannot be read.
    static Result<LabelSelector> parse(std::string_view text);

    bool matches(const Object& object) const;
    bool matches(const Labels& labels) const;
    bool selects_all() const { return requirements_.empty(); }

private:
    enum class Operator : unsigned char { kIn, kNotIn, kExists, kNotExists };
    struct Requirement {
        std::string key;
        Operator op = Operator::kExists;
        std::vector<std::string> values;
    };
    static Result<Requirement> parse_requirement(std::string_view text);
    // Whether a label that is there or not, and reads `value`, is as asked.
    static bool meets(const Requirement& want, bool has, std::string_view value);

    std::vector<Requirement> requirements_;
};

// A field is a path of members, "metadata.name" or "involvedObject.uid". An absent field reads as
// "", so `status.node=` selects what has none.
class FieldSelector final {
public:
    FieldSelector() = default;  // selects all

    static Result<FieldSelector> parse(std::string_view text);

    bool matches(const Object& object) const;
    bool selects_all() const { return requirements_.empty(); }

    // The value that "metadata.name" must equal, when it must.
    std::string name() const;

private:
    struct Requirement {
        std::string path;
        std::string value;
        bool equal = true;
    };
    std::vector<Requirement> requirements_;
};

struct Selection {
    LabelSelector labels;
    FieldSelector fields;
    bool matches(const Object& object) const {
        return labels.matches(object) && fields.matches(object);
    }
};

}  // namespace hf::api
