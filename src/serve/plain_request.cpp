#include "serve/plain_request.h"

#include "base/json_cursor.h"
#include "serve/signature_check.h"
#include "serve/tensors.h"
#include "tensor/json_text.h"

namespace hf::serve {
namespace {

// Everything here answers false for what is not plain.
class PlainReader {
public:
    PlainReader(std::string_view json, ByteView binary, const runtime::Signature& signature)
        : cursor_(json), binary_(binary), signature_(signature) {}

    bool read(InferRequest& request) {
        request.inputs.resize(signature_.inputs.size());
        if (!members([&](std::string_view key) { return read_member(key, request); })) return false;
        if (!cursor_.at_end() || !binary_.empty()) return false;
        if (!check_inputs_given(signature_, request.inputs).ok()) return false;
        if (!wanted_.empty()) {
            for (const Wanted& wanted : wanted_) {
                request.outputs.push_back({wanted.output, wanted.binary.value_or(all_binary_)});
            }
            return true;
        }
        for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
            request.outputs.push_back({i, all_binary_});
        }
        return true;
    }

private:
    struct Wanted {
        std::size_t output = 0;
        std::optional<bool> binary;
    };

    // An object whose keys are few; `read` is called for each and reads its value.
    template <typename Read>
    bool members(Read read) {
        if (!cursor_.take('{')) return false;
        if (cursor_.take('}')) return true;
        do {
            std::string_view key;
            if (!cursor_.take_string(key) || !cursor_.take(':') || !read(key)) return false;
        } while (cursor_.take(','));
        return cursor_.take('}');
    }

    // An array that is not empty.
    template <typename Read>
    bool items(Read read) {
        if (!cursor_.take('[')) return false;
        do {
            if (!read()) return false;
        } while (cursor_.take(','));
        return cursor_.take(']');
    }

    // True the first time: a key that comes twice is an error.
    static bool first(unsigned& seen, unsigned bit) {
        const bool fresh = (seen & bit) == 0;
        seen |= bit;
        return fresh;
    }

    bool read_member(std::string_view key, InferRequest& request) {
        enum : unsigned { kId = 1, kInputs = 2, kOutputs = 4, kParameters = 8 };
        if (key == "inputs") {
            return first(seen_, kInputs) && items([&] { return read_input(request); });
        }
        if (key == "outputs") {
            return first(seen_, kOutputs) && items([&] { return read_output(); });
        }
        if (key == "id") {
            std::string_view id;
            if (!first(seen_, kId) || !cursor_.take_string(id)) return false;
            request.id = id;
            return true;
        }
        if (key != "parameters" || !first(seen_, kParameters)) return false;
        unsigned seen = 0;
        return members([&](std::string_view name) {
            return name == "binary_data_output" && first(seen, 1) && cursor_.take_bool(all_binary_);
        });
    }

    struct Input {
        unsigned seen = 0;
        std::string_view name;
        std::string_view datatype;
        std::vector<std::int64_t> extents;
        Tensor tensor;
    };
    enum : unsigned { kName = 1, kShape = 2, kDatatype = 4, kData = 8 };

    bool read_input(InferRequest& request) {
        Input input;
        if (!members([&](std::string_view key) { return read_input_member(key, input); })) {
            return false;
        }
        if (input.seen != (kName | kShape | kDatatype | kData)) return false;
        const auto index = find_input(signature_, input.name, request.inputs);
        if (!index.ok()) return false;
        const runtime::Port& port = signature_.inputs[*index];
        if (!check_port(port, input.tensor.dtype(), input.tensor.shape()).ok()) return false;
        request.inputs[*index] = std::move(input.tensor);
        return true;
    }

    bool read_input_member(std::string_view key, Input& input) {
        if (key == "name") return first(input.seen, kName) && cursor_.take_string(input.name);
        if (key == "datatype") {
            return first(input.seen, kDatatype) && cursor_.take_string(input.datatype);
        }
        if (key == "shape") return first(input.seen, kShape) && read_extents(input);
        const bool binary = key == "parameters";
        if (!binary && key != "data") return false;
        if (!first(input.seen, kData)) return false;
        constexpr unsigned kBefore = kName | kShape | kDatatype;
        if ((input.seen & kBefore) != kBefore) return false;
        const Result<DType> dtype = read_datatype(input.datatype);
        Result<Shape> shape = read_shape(std::move(input.extents));
        if (!dtype.ok() || !shape.ok()) return false;
        if (!binary) return read_tensor_text(cursor_, *dtype, *shape, input.tensor);
        return read_binary(*dtype, *shape, input.tensor);
    }

    bool read_extents(Input& input) {
        if (!cursor_.take('[')) return false;
        if (cursor_.take(']')) return true;
        do {
            std::int64_t extent = 0;
            if (!cursor_.take_count(extent)) return false;
            input.extents.push_back(extent);
        } while (cursor_.take(','));
        return cursor_.take(']');
    }

    bool read_binary(DType dtype, const Shape& shape, Tensor& tensor) {
        std::int64_t size = -1;
        unsigned seen = 0;
        const bool read = members([&](std::string_view name) {
            return name == "binary_data_size" && first(seen, 1) && cursor_.take_count(size);
        });
        if (!read || size < 0 || static_cast<std::uint64_t>(size) > binary_.size()) return false;
        const auto count = static_cast<std::size_t>(size);
        Result<Tensor> taken = tensor_from_binary(binary_.first(count), dtype, shape);
        if (!taken.ok()) return false;
        binary_ = binary_.subspan(count);
        tensor = std::move(*taken);
        return true;
    }

    bool read_output() {
        Wanted wanted;
        bool named = false;
        unsigned seen = 0;
        const bool read = members([&](std::string_view key) {
            if (!first(seen, key == "name" ? 1 : 2)) return false;
            if (key == "name") {
                std::string_view name;
                if (!cursor_.take_string(name)) return false;
                const Result<std::size_t> index = find_port(signature_.outputs, name);
                named = index.ok();
                if (named) wanted.output = *index;
                return named;
            }
            return key == "parameters" && members([&](std::string_view name) {
                       bool binary = false;
                       if (name != "binary_data" || wanted.binary) return false;
                       if (!cursor_.take_bool(binary)) return false;
                       wanted.binary = binary;
                       return true;
                   });
        });
        if (!read || !named) return false;
        for (const Wanted& other : wanted_) {
            if (other.output == wanted.output) return false;
        }
        wanted_.push_back(wanted);
        return true;
    }

    JsonCursor cursor_;
    ByteView binary_;
    const runtime::Signature& signature_;
    unsigned seen_ = 0;
    bool all_binary_ = false;
    std::vector<Wanted> wanted_;
};

}  // namespace

std::optional<InferRequest> read_plain_request(std::string_view json, ByteView binary,
                                               const runtime::Signature& signature) {
    InferRequest request;
    if (!PlainReader(json, binary, signature).read(request)) return std::nullopt;
    return request;
}

}  // namespace hf::serve
