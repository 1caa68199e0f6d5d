// Task: what a model takes and answers instead of tensors: a picture and labels, rows and outputs,
// texts and vectors. A declaration (JSON; docs/reference/tasks.md) says how the one becomes the
// other; it is a file beside the model's.
//
// The idea: a task is a pair of pure functions around an inference, read() before and write()
// after, made and checked against the model's signature when the model is loaded. What a
// declaration promises and the signature does not hold is refused then, and not by a request.
//
// Immutable once made; from any thread. Errors of make(): INVALID_ARGUMENT with the place in the
// declaration. Errors of read(): INVALID_ARGUMENT, UNIMPLEMENTED, RESOURCE_EXHAUSTED, of the
// request; of write(): FAILED_PRECONDITION, of a model whose answer has another form.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/status.h"
#include "runtime/model.h"

namespace hf::serve::tasks {

inline constexpr std::size_t kMaxDeclarationBytes = 4u << 20;
inline constexpr std::size_t kMaxTokenizerFileBytes = 32u << 20;

// The files of a declaration, wherever they come from.
struct Declaration {
    std::string task;            // task.json
    std::string tokenizer = {};  // tokenizer.json; empty where there is none
};

// A request's body, and what its Content-Type says of it ("text/csv; header=absent").
struct Body {
    ByteView bytes;
    std::string_view media_type = {};
};

// Where a picture lies in a model's input, in pixels of either, so that what was found there can be
// told of the picture: input = picture * scale + offset.
struct Placement {
    std::size_t width = 0;  // of the picture
    std::size_t height = 0;
    double scale_x = 1;
    double scale_y = 1;
    double offset_x = 0;
    double offset_y = 0;
};

// What read() makes of a body: the model's inputs in signature order, and what write() must know of
// it again.
struct Prepared {
    std::vector<Tensor> inputs;
    std::size_t rows = 1;
    std::vector<std::size_t> lengths = {};  // in tokens, of each text
    Placement placement = {};               // of a picture
    bool single = false;                    // one text, and no list of one
};

class Task {
public:
    virtual ~Task() = default;

    // REQUIRES: the signature is of the model that will answer.
    static Result<std::shared_ptr<const Task>> make(const Declaration& declaration,
                                                    const runtime::Signature& signature);

    virtual std::string_view kind() const = 0;  // "image-classification"

    // What it takes and answers, for people and forms: members of an object.
    virtual json::Object describe() const = 0;

    virtual Result<Prepared> read(const Body& body) const = 0;

    // Members of the answer. `outputs`: in signature order.
    virtual Result<json::Object> write(const std::vector<Tensor>& outputs,
                                       const Prepared& prepared) const = 0;
};

}  // namespace hf::serve::tasks
