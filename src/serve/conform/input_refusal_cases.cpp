#include <algorithm>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr std::int64_t kHuge = std::int64_t{1} << 40;

Case bad_input(std::string name, std::string asks, Edit edit) {
    return {std::move(name), std::move(asks), source::kRequestInput, infer(std::move(edit)),
            refuses()};
}

Case bad_shape(std::string name, std::string asks, json::Value shape) {
    return {std::move(name), std::move(asks), source::kRequestShape,
            infer(set_input("shape", std::move(shape))), refuses()};
}

json::Array extents_of(const Shape& extents) {
    json::Array array;
    for (const std::int64_t extent : extents) array.emplace_back(extent);
    return array;
}

// Another extent where the model fixes one, and data to fit.
Edit change_fixed_extent() {
    return [](const Subject& subject, Draft& draft) -> Status {
        ModelPort port = subject.inputs.front();
        const auto fixed = std::find_if(port.shape.begin(), port.shape.end(),
                                        [](std::int64_t extent) { return extent > 0; });
        if (fixed == port.shape.end()) return failed_precondition("no extent is fixed");
        port.extents[static_cast<std::size_t>(fixed - port.shape.begin())] += 1;
        Subject changed = subject;
        changed.inputs.front() = port;
        draft = json_draft(changed);
        return {};
    };
}

// One extent more, of 1: as many elements as before.
json::Array deeper(const Shape& extents) {
    json::Array array = extents_of(extents);
    array.insert(array.begin(), json::Value(1));
    return array;
}

Edit leave_out_input() {
    return [](const Subject&, Draft& draft) -> Status {
        json::Array& inputs = draft.object["inputs"].as_array();
        inputs.erase(inputs.begin());
        return {};
    };
}

Edit repeat_input() {
    return [](const Subject&, Draft& draft) -> Status {
        json::Array& inputs = draft.object["inputs"].as_array();
        inputs.push_back(json::Value(inputs[0]));
        return {};
    };
}

Edit add_unknown_input() {
    return [](const Subject&, Draft& draft) -> Status {
        json::Array& inputs = draft.object["inputs"].as_array();
        json::Value other = inputs[0];
        other.as_object()["name"] = "no-such-input-is-here";
        inputs.push_back(std::move(other));
        return {};
    };
}

Edit change_case_of(std::string key) {
    return [key = std::move(key)](const Subject&, Draft& draft) -> Status {
        json::Value& value = draft.object["inputs"].as_array()[0].as_object()[key];
        std::string text(json::as_view(value.as_string()));
        std::transform(text.begin(), text.end(), text.begin(), [](char c) {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            return letter ? static_cast<char>(c ^ 0x20) : c;
        });
        if (value == json::Value(text)) return failed_precondition("its name has no letters");
        value = text;
        return {};
    };
}

}  // namespace

std::vector<Case> input_refusal_cases() {
    return {
        bad_input("name_missing", "an input without a name is an error",
                  leave_out_of_input("name")),
        bad_input("name_number", "so is one whose name is a number", set_input("name", 1)),
        bad_input("name_empty", "so is one whose name is empty", rename_input("")),
        bad_input("name_unknown", "so is one that the model has not, for one that it needs",
                  rename_input("no-such-input-is-here")),
        bad_input("name_long", "so is one with a name of 64 KiB",
                  rename_input(std::string(64U << 10, 'n'))),
        {"name_case", "names are compared with regard to case: another case is an error",
         source::kCase, infer(change_case_of("name")), refuses()},
        bad_input("left_out", "an input left out is an error", leave_out_input()),
        {"twice", "an input given twice is answered, or refused", source::kRequestInput,
         infer(repeat_input()), either()},
        {"one_more", "an input that the model has not is ignored, or refused",
         source::kRequestInput, infer(add_unknown_input()), either()},
        bad_input("datatype_missing", "an input without a datatype is an error",
                  leave_out_of_input("datatype")),
        bad_input("datatype_number", "a datatype that is a number is an error",
                  set_input("datatype", 32)),
        {"datatype_unknown", "a datatype that is not in the table is an error", source::kDataTypes,
         infer(set_input("datatype", "FP33")), refuses()},
        {"datatype_case", "datatypes are compared with regard to case: another is an error",
         source::kCase, infer(change_case_of("datatype")), refuses()},
        bad_input("shape_missing", "an input without a shape is an error",
                  leave_out_of_input("shape")),
        bad_shape("shape_null", "a shape that is null is an error", nullptr),
        bad_shape("shape_number", "a shape that is a number is an error", 4),
        bad_shape("shape_text", "a shape that is a string is an error", "1x4"),
        bad_shape("shape_object", "a shape that is an object is an error", json::Object()),
        {"shape_negative", "an extent below zero is an error", source::kRequestShape,
         infer(change_shape([](const Shape& extents) {
             json::Array array = extents_of(extents);
             if (array.empty()) array.emplace_back(1);
             array.front() = -1;
             return array;
         })),
         refuses()},
        bad_shape("shape_fraction", "an extent of 1.5 is an error", list_of(1.5)),
        bad_shape("shape_of_text", "an extent that is a string is an error", list_of("1")),
        bad_shape("shape_of_null", "an extent that is null is an error", list_of(nullptr)),
        bad_shape("shape_nested", "an extent that is an array is an error", list_of(list_of(1))),
        bad_shape("shape_too_large", "more elements than there are data is an error",
                  list_of(kHuge)),
        bad_shape("shape_overflows", "extents whose product exceeds 64 bits are an error",
                  json::Array{kHuge, kHuge, kHuge}),
        {"shape_wraps", "extents whose product is the right one modulo 2^64 are an error",
         source::kRequestShape, infer(change_shape([](const Shape& extents) {
             json::Array array = extents_of(extents);
             array.emplace_back(kHuge);
             array.emplace_back(std::int64_t{1} << 24);
             return array;
         })),
         refuses()},
        {"shape_beyond_64_bits", "an extent beyond 64 bits is an error", source::kRequestShape,
         infer(set_input("shape", list_of(1e30))), refuses()},
        bad_shape("shape_of_many", "a shape of 10,000 extents is an error",
                  json::Array(10000, json::Value(1))),
        bad_input("shape_deeper", "an extent more than the model has is an error",
                  change_shape(deeper)),
        {"shape_of_fixed", "another extent than the model's is an error", source::kTensorShape,
         infer(change_fixed_extent()), refuses()},
    };
}

}  // namespace hf::serve::conform
