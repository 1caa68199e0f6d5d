#include <algorithm>
#include <limits>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

using Length = std::function<std::string(std::size_t json, std::size_t all)>;

Edit tell_length(Length length) {
    return [length = std::move(length)](const Subject&, Draft& draft) -> Status {
        draft.json_length = length;
        return {};
    };
}

Case bad_length(std::string name, std::string asks, Length length) {
    return {std::move(name), std::move(asks), source::kBinaryHeader,
            infer_binary(tell_length(std::move(length))), refuses()};
}

Case bad_length_text(std::string name, std::string asks, std::string text) {
    return bad_length(std::move(name), std::move(asks),
                      [text = std::move(text)](std::size_t, std::size_t) { return text; });
}

Case bad_size(std::string name, std::string asks, json::Value size) {
    return {
        std::move(name), std::move(asks), source::kBinarySize,
        infer_binary(set_input("parameters", json::Object{{"binary_data_size", std::move(size)}})),
        refuses()};
}

Edit append(std::size_t bytes) {
    return [bytes](const Subject&, Draft& draft) -> Status {
        draft.binary.insert(draft.binary.end(), bytes, 1);
        return {};
    };
}

Edit drop_binary() {
    return [](const Subject&, Draft& draft) -> Status {
        draft.binary.clear();
        return {};
    };
}

// A BYTES element that says it is longer than what is left.
Edit lying_text() {
    return [](const Subject& subject, Draft& draft) -> Status {
        const bool usable =
            subject.inputs.front().dtype == DType::kString && draft.binary.size() >= 4;
        if (!usable) return failed_precondition("the first input is not BYTES");
        std::fill(draft.binary.begin(), draft.binary.begin() + 4, std::uint8_t{0x7f});
        return {};
    };
}

std::string text_of(std::size_t number) {
    return fmt::format("{}", number);
}

}  // namespace

std::vector<Case> binary_refusal_cases() {
    return {
        {"length_missing", "binary data without the header is an error", source::kBinaryHeader,
         infer_binary(tell_length(nullptr)), refuses()},
        bad_length("length_one_less", "a length that cuts the JSON is an error",
                   [](std::size_t json, std::size_t) { return text_of(json - 1); }),
        bad_length("length_one_more", "a length with a byte of data is an error",
                   [](std::size_t json, std::size_t) { return text_of(json + 1); }),
        bad_length("length_of_all", "a length of all of the body is an error",
                   [](std::size_t, std::size_t all) { return text_of(all); }),
        bad_length("length_beyond", "a length beyond the body is an error",
                   [](std::size_t, std::size_t all) { return text_of(all + 1); }),
        bad_length_text("length_huge", "a length of 2^63 is an error", "9223372036854775808"),
        bad_length_text("length_beyond_64_bits", "a length beyond 64 bits is an error",
                        "99999999999999999999999999"),
        bad_length_text("length_negative", "a length below zero is an error", "-1"),
        bad_length_text("length_word", "a length that is no number is an error", "many"),
        bad_length("length_hexadecimal", "a length in hexadecimal is an error",
                   [](std::size_t json, std::size_t) { return fmt::format("0x{:x}", json); }),
        bad_length("length_fraction", "a length with a fraction is an error",
                   [](std::size_t json, std::size_t) { return fmt::format("{}.5", json); }),
        {"length_zero", "a length of 0 means a raw request, or is refused", source::kBinaryHeader,
         infer_binary(tell_length([](std::size_t, std::size_t) { return text_of(0); })), either()},
        {"size_missing", "an input with neither data nor a size is an error", source::kBinarySize,
         infer_binary(leave_out_of_input("parameters")), refuses()},
        bad_size("size_zero", "a size of 0 for a tensor with elements is an error", 0),
        bad_size("size_negative", "a size below zero is an error", -1),
        bad_size("size_word", "a size that is a string is an error", "16 bytes"),
        bad_size("size_fraction", "a size with a fraction is an error", 0.5),
        bad_size("size_true", "a size of true is an error", true),
        bad_size("size_huge", "a size of 2^62 is an error", std::int64_t{1} << 62),
        bad_size("size_largest", "a size of 2^63 - 1 is an error",
                 std::numeric_limits<std::int64_t>::max()),
        {"data_missing", "sizes without the bytes are an error", source::kBinarySize,
         infer_binary(drop_binary()), refuses()},
        {"data_and_size", "data and binary_data_size at once are answered, or refused",
         source::kBinarySize, infer_binary(set_input("data", json::Array())), either()},
        {"more_bytes", "bytes that no input claims are ignored, or refused", source::kBinarySize,
         infer_binary(append(7)), either()},
        {"text_too_long", "a BYTES element longer than the data is an error", source::kBinaryForm,
         infer_binary(lying_text()), refuses()},
        {"binary_data_number", "binary_data that is a number is taken for a truth, or refused",
         source::kBinaryData,
         when_announced("binary_tensor_data",
                        infer(set_outputs(false, json::Object{{"binary_data", 1}}))),
         either()},
        {"binary_data_output_word", "binary_data_output that is a string is ignored, or refused",
         source::kBinaryOutput,
         when_announced("binary_tensor_data",
                        infer(set("parameters", json::Object{{"binary_data_output", "yes"}}))),
         either()},
    };
}

}  // namespace hf::serve::conform
