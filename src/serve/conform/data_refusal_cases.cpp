#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

Case bad_data(std::string name, std::string asks, json::Value data) {
    return {std::move(name), std::move(asks), source::kRequestInput,
            infer(set_input("data", std::move(data))), refuses()};
}

using Change = std::function<json::Value(const json::Array& flat)>;

Case changed_data(std::string name, std::string asks, Change change) {
    return {std::move(name), std::move(asks), source::kRowMajor,
            infer(change_data(std::move(change))), refuses()};
}

// The first element is that, and the rest stays. An error, whatever the datatype.
Case bad_element(std::string name, std::string asks, const json::Value& element) {
    return {std::move(name), std::move(asks), source::kElement,
            infer(change_data([element](const json::Array& flat) -> json::Value {
                json::Array changed = flat;
                changed.front() = element;
                return changed;
            })),
            refuses()};
}

// The same; but by the standard it may be coerced.
Case odd_element(std::string name, std::string asks, const json::Value& element) {
    Case one = bad_element(std::move(name), std::move(asks), element);
    one.source = source::kCoerce;
    one.judge = either();
    return one;
}

json::Value one_less(const json::Array& flat) {
    return json::Array(flat.begin(), flat.end() - 1);
}

json::Value one_more(const json::Array& flat) {
    json::Array more = flat;
    more.push_back(flat.front());
    return more;
}

json::Value many_more(const json::Array& flat) {
    json::Array more = flat;
    for (int i = 0; i < 10000; ++i) more.push_back(flat.front());
    return more;
}

// As many elements as there must be, some of them one level down and some not.
Edit ragged() {
    return [](const Subject& subject, Draft& draft) -> Status {
        if (subject.inputs.front().extents.elements() < 2) {
            return failed_precondition("the first input has fewer than two elements");
        }
        return change_data([](const json::Array& flat) -> json::Value {
            json::Array changed = list_of(json::Array(flat.begin(), flat.end() - 1));
            changed.push_back(flat.back());
            return changed;
        })(subject, draft);
    };
}

}  // namespace

std::vector<Case> data_refusal_cases() {
    return {
        {"missing", "an input without data is an error", source::kRequestInput,
         infer(leave_out_of_input("data")), refuses()},
        bad_data("null", "data that is null is an error", nullptr),
        bad_data("object", "data that is an object is an error", json::Object()),
        bad_data("empty", "no data where there are elements is an error", json::Array()),
        changed_data("one_less", "one element too few is an error", one_less),
        changed_data("one_more", "one element too many is an error", one_more),
        changed_data("many_more", "10,000 elements too many are an error", many_more),
        {"ragged", "elements at two depths are an error, or taken in their order",
         source::kTensorData, infer(ragged()), either()},
        bad_element("element_object", "an element that is an object is an error", json::Object()),
        odd_element("element_null", "an element that is null is coerced, or refused", nullptr),
        odd_element("element_word", "an element that is a word is coerced, or refused", "word"),
        odd_element("element_true", "an element that is true is coerced, or refused", true),
        odd_element("element_fraction", "an element of 0.5 is coerced, or refused", 0.5),
        odd_element("element_negative", "an element of -1 is coerced, or refused", -1),
        odd_element("element_huge", "an element of 1e300 is coerced, or refused", 1e300),
        {"element_beyond_double", "a number beyond any type is answered, or refused",
         source::kJsonParser, infer_rewritten([](const std::string& json) {
             const std::size_t data = json.find("\"data\":[");
             const std::size_t end = json.find_first_of(",]", data);
             return json.substr(0, data + 8) + "1e999" + json.substr(end);
         }),
         either()},
        {"element_nan", "NaN, which is no JSON, is answered, or refused", source::kJsonParser,
         infer_rewritten([](const std::string& json) {
             const std::size_t data = json.find("\"data\":[");
             const std::size_t end = json.find_first_of(",]", data);
             return json.substr(0, data + 8) + "NaN" + json.substr(end);
         }),
         either()},
    };
}

}  // namespace hf::serve::conform
