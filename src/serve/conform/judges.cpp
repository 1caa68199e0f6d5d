#include "serve/conform/judges.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve::conform {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";
constexpr std::size_t kShownBytes = 160;

Status check_answered(const http::WireAnswer& answer) {
    if (answer.answered()) return {};
    return invalid_argument("{}", answer.trouble.empty() ? "no answer" : answer.trouble);
}

Status check_status(const http::WireAnswer& answer, int least, int most) {
    HF_TRY(check_answered(answer));
    const int status = answer.response.status;
    if (status >= least && status <= most) return {};
    if (least == most) return invalid_argument("status {} where {} is wanted", status, least);
    return invalid_argument("status {} where {} to {} is wanted", status, least, most);
}

// What a body claims to be must not contradict that it is JSON; that it says nothing is allowed.
Status check_json_type(const http::Response& response) {
    const std::string_view header = response.headers.get("Content-Type").value_or("");
    const std::string type = to_lower(trim(header.substr(0, header.find(';'))));
    const bool fits = type.empty() || type == "application/json" || type.ends_with("+json") ||
                      type == "application/octet-stream";
    return fits ? Status() : invalid_argument("Content-Type '{}' where JSON is wanted", header);
}

Result<json::Object> parse_object(std::string_view text) {
    const json::Value root = HF_TRY(json::parse(text, text.size() + 1));
    const json::Object* object = root.if_object();
    if (!object) return invalid_argument("the body is no JSON object");
    return *object;
}

// How much of the body is JSON.
Result<std::size_t> json_bytes_of(const http::Response& response) {
    const std::optional<std::string_view> header = response.headers.get(kLengthHeader);
    if (!header) return response.body.size();
    const std::int64_t length = HF_TRY(parse_int(*header).context("{}", kLengthHeader));
    if (length < 0 || static_cast<std::uint64_t>(length) > response.body.size()) {
        return invalid_argument("{} is {} and the body has {} bytes", kLengthHeader, length,
                                response.body.size());
    }
    return static_cast<std::size_t>(length);
}

Result<Shape> read_extents(const json::Value& output) {
    const json::Array* array = json::find_array(output, "shape");
    if (!array) return invalid_argument("/shape: want an array");
    std::vector<std::int64_t> extents;
    for (const json::Value& extent : *array) {
        if (!extent.is_int64() || extent.get_int64() < 0) {
            return invalid_argument("/shape: want integers that are not negative");
        }
        extents.push_back(extent.get_int64());
    }
    Shape shape(std::move(extents));
    HF_TRY(shape.check().context("/shape"));
    return shape;
}

Status check_port(const ModelPort& port, DType dtype, const Shape& shape) {
    if (dtype != port.dtype) {
        return invalid_argument("/datatype: {} where the metadata say {}", oip_name(dtype),
                                oip_name(port.dtype));
    }
    bool fits = shape.rank() == port.shape.rank();
    for (std::size_t i = 0; fits && i < shape.rank(); ++i) {
        fits = port.shape[i] == Shape::kUnknown || port.shape[i] == shape[i];
    }
    if (fits) return {};
    return invalid_argument("/shape: {} where the metadata say {}", shape.to_string(),
                            port.shape.to_string());
}

Result<OutputRead> read_output(const Subject& subject, const json::Value& entry, ByteView& rest) {
    OutputRead read;
    read.name = HF_TRY(json::need_string(entry, "name").context("/name"));
    const ModelPort* port = subject.output(read.name);
    if (!port) return invalid_argument("/name: the metadata know no output '{}'", read.name);
    const std::string datatype = HF_TRY(json::need_string(entry, "datatype").context("/datatype"));
    const DType dtype = HF_TRY(parse_oip_dtype(datatype).context("/datatype"));
    const Shape shape = HF_TRY(read_extents(entry));
    HF_TRY(check_port(*port, dtype, shape));
    const json::Value* size = json::find_path(entry, {"parameters", "binary_data_size"});
    const json::Value* data = json::find(entry, "data");
    if (size && data) return invalid_argument(": has both data and binary_data_size");
    if (data) {
        if (!data->is_array()) return invalid_argument("/data: want an array");
        read.tensor = HF_TRY(tensor_from_json(*data, dtype, shape).context("/data"));
        return read;
    }
    if (!size) return invalid_argument("/data: is missing");
    const std::int64_t count = size->is_int64() ? size->get_int64() : -1;
    if (count < 0 || static_cast<std::uint64_t>(count) > rest.size()) {
        return invalid_argument("/parameters/binary_data_size: {} where {} bytes are left",
                                json::write(*size), rest.size());
    }
    const ByteView bytes = rest.first(static_cast<std::size_t>(count));
    rest = rest.subspan(bytes.size());
    read.tensor =
        HF_TRY(tensor_from_binary(bytes, dtype, shape).context("/parameters/binary_data_size"));
    read.binary = true;
    return read;
}

Status check_about_model(const Subject& subject, const json::Object& object) {
    const json::Value* name = object.if_contains("model_name");
    if (!name || !name->is_string()) return invalid_argument("/model_name: want a string");
    if (json::as_view(name->get_string()) != subject.model) {
        return invalid_argument("/model_name: {}", json::write(*name));
    }
    for (const char* key : {"model_version", "id"}) {
        const json::Value* text = object.if_contains(key);
        if (text && !text->is_string()) return invalid_argument("/{}: want a string", key);
    }
    const json::Value* parameters = object.if_contains("parameters");
    if (parameters && !parameters->is_object()) {
        return invalid_argument("/parameters: want an object");
    }
    return {};
}

double number_at(const Tensor& tensor, std::size_t i) {
    switch (tensor.dtype()) {
        case DType::kF16: return double{half_to_float(tensor.values<std::uint16_t>()[i])};
        case DType::kBF16: return double{bfloat_to_float(tensor.values<std::uint16_t>()[i])};
        case DType::kF32: return double{tensor.values<float>()[i]};
        default: return tensor.values<double>()[i];
    }
}

// JSON has no infinities, and servers write them in their own ways: as null, mostly.
bool alike(double got, double want, double tolerance) {
    if (!std::isfinite(got) || !std::isfinite(want))
        return std::isfinite(got) == std::isfinite(want);
    return std::abs(got - want) <= tolerance * std::max(1.0, std::abs(want));
}

Status check_values(const Tensor& got, const Tensor& want) {
    if (got.dtype() == DType::kString) {
        return got.strings() == want.strings() ? Status() : invalid_argument("other strings");
    }
    if (!is_float(got.dtype())) {
        const bool same = std::equal(got.bytes().begin(), got.bytes().end(), want.bytes().begin());
        return same ? Status() : invalid_argument("other values");
    }
    const double tolerance = dtype_size(got.dtype()) == 2 ? 1e-2 : 1e-5;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got.elements()); ++i) {
        const double a = number_at(got, i);
        const double b = number_at(want, i);
        if (!alike(a, b, tolerance)) return invalid_argument("element {}: {}, want {}", i, a, b);
    }
    return {};
}

}  // namespace

Result<json::Object> read_object(const http::WireAnswer& answer) {
    HF_TRY(check_status(answer, 200, 200));
    HF_TRY(check_json_type(answer.response));
    return parse_object(as_text(answer.response.body));
}

Result<AnswerRead> read_inference(const Subject& subject, const http::WireAnswer& answer) {
    HF_TRY(check_status(answer, 200, 200));
    HF_TRY(check_json_type(answer.response));
    const ByteView body(answer.response.body);
    const std::size_t json_bytes = HF_TRY(json_bytes_of(answer.response));
    AnswerRead read;
    read.object = HF_TRY(parse_object(as_text(body.first(json_bytes))));
    HF_TRY(check_about_model(subject, read.object));
    const json::Value* outputs = read.object.if_contains("outputs");
    if (!outputs || !outputs->is_array()) return invalid_argument("/outputs: want an array");
    ByteView rest = body.subspan(json_bytes);
    for (std::size_t i = 0; i < outputs->get_array().size(); ++i) {
        Result<OutputRead> output = read_output(subject, outputs->get_array()[i], rest);
        if (!output.ok()) {
            return invalid_argument("/outputs/{}{}", i, output.status().message());
        }
        read.outputs.push_back(std::move(*output));
    }
    if (!rest.empty()) {
        return invalid_argument("{} bytes follow the JSON that no output claims", rest.size());
    }
    return read;
}

std::vector<std::string> output_names(const Subject& subject) {
    std::vector<std::string> names;
    for (const ModelPort& port : subject.outputs) names.push_back(port.name);
    return names;
}

Status check_names(const AnswerRead& read, std::vector<std::string> wanted) {
    std::vector<std::string> came;
    for (const OutputRead& output : read.outputs) came.push_back(output.name);
    std::sort(came.begin(), came.end());
    std::sort(wanted.begin(), wanted.end());
    if (came == wanted) return {};
    return invalid_argument("/outputs: {} where {} are wanted",
                            came.empty() ? "none" : join(came, ", "), join(wanted, ", "));
}

Status check_same(const AnswerRead& got, const AnswerRead& want) {
    if (got.outputs.size() != want.outputs.size()) {
        return invalid_argument("/outputs: {} where {} came before", got.outputs.size(),
                                want.outputs.size());
    }
    for (const OutputRead& output : got.outputs) {
        const auto other =
            std::find_if(want.outputs.begin(), want.outputs.end(),
                         [&](const OutputRead& each) { return each.name == output.name; });
        if (other == want.outputs.end()) return invalid_argument("/outputs: another name");
        if (output.tensor.shape() != other->tensor.shape()) {
            return invalid_argument("output {}: another shape", output.name);
        }
        HF_TRY(check_values(output.tensor, other->tensor).context("output {}", output.name));
    }
    return {};
}

Status check_error(const http::WireAnswer& answer) {
    HF_TRY(check_status(answer, 400, 599));
    HF_TRY(check_json_type(answer.response));
    const json::Object object = HF_TRY(parse_object(as_text(answer.response.body)));
    const json::Value* error = object.if_contains("error");
    if (!error || !error->is_string()) return invalid_argument("/error: want a string");
    if (error->get_string().empty()) return invalid_argument("/error: says nothing");
    return {};
}

Judge status_is(int status) {
    return status_from(status, status);
}

Judge status_from(int least, int most) {
    return [least, most](const Subject&, const Answers& answers) {
        return check_status(answers.front(), least, most);
    };
}

Judge infers() {
    return infers_and([](const Subject& subject, const AnswerRead& read) {
        return check_names(read, output_names(subject));
    });
}

Judge refuses() {
    return [](const Subject&, const Answers& answers) { return check_error(answers.front()); };
}

Judge either() {
    return [](const Subject& subject, const Answers& answers) -> Status {
        if (answers.front().answered() && answers.front().response.status == 200) {
            return read_inference(subject, answers.front()).status();
        }
        return check_error(answers.front());
    };
}

Judge refused_by_http() {
    return [](const Subject&, const Answers& answers) -> Status {
        if (answers.front().what == http::WireAnswer::What::kClosed) return {};
        return check_status(answers.front(), 400, 599);
    };
}

Judge infers_or(std::vector<int> statuses) {
    return [statuses = std::move(statuses)](const Subject& subject, const Answers& answers) {
        const int status = answers.front().response.status;
        const bool listed = answers.front().answered() &&
                            std::find(statuses.begin(), statuses.end(), status) != statuses.end();
        return listed ? Status() : read_inference(subject, answers.front()).status();
    };
}

Judge same_as_plain() {
    return [](const Subject& subject, const Answers& answers) -> Status {
        const AnswerRead first = HF_TRY(read_inference(subject, answers[0]).context("plain"));
        const AnswerRead second = HF_TRY(read_inference(subject, answers[1]).context("plain"));
        if (!check_same(second, first).ok()) {
            return failed_precondition("the model does not give the same answer twice");
        }
        return check_same(HF_TRY(read_inference(subject, answers.back())), first);
    };
}

Judge and_lives(Judge judge) {
    return [judge = std::move(judge)](const Subject& subject, const Answers& answers) -> Status {
        HF_TRY(judge(subject, answers));
        return check_status(answers.back(), 200, 200).context("is it live afterwards");
    };
}

Judge infers_and(Look look) {
    return [look = std::move(look)](const Subject& subject, const Answers& answers) -> Status {
        return look(subject, HF_TRY(read_inference(subject, answers.front())));
    };
}

Judge object_and(ObjectLook look) {
    return [look = std::move(look)](const Subject& subject, const Answers& answers) -> Status {
        return look(subject, HF_TRY(read_object(answers.front())));
    };
}

Judge both(std::vector<Judge> judges) {
    return [judges = std::move(judges)](const Subject& subject, const Answers& answers) -> Status {
        for (const Judge& judge : judges) HF_TRY(judge(subject, answers));
        return {};
    };
}

std::string describe(const http::WireAnswer& answer) {
    if (!answer.answered()) return answer.trouble.empty() ? "left out" : answer.trouble;
    std::string text = fmt::format("{}", answer.response.status);
    const std::string_view body = trim(as_text(answer.response.body));
    if (body.empty()) return text;
    text += ' ';
    for (const char c : body.substr(0, kShownBytes)) text += c >= 0x20 && c < 0x7f ? c : '.';
    return body.size() > kShownBytes ? text + "..." : text;
}

}  // namespace hf::serve::conform
