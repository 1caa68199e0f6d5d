#include "serve/grpc/reflection.h"

#include <algorithm>

#include "serve/grpc/descriptors.h"
#include "serve/grpc/messages.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

// Fields of ServerReflectionRequest.
enum : protozero::pbf_tag_type {
    kHost = 1,
    kFileByName = 3,
    kFileBySymbol = 4,
    kFileByExtension = 5,
    kExtensionNumbers = 6,
    kListServices = 7,
};

struct Question {
    std::string host;
    protozero::pbf_tag_type kind = 0;
    std::string text;
};

Result<Question> read_question(ByteView message) {
    Question question;
    HF_TRY(read_fields(message, [&](protozero::pbf_reader& field) -> Status {
        const protozero::pbf_tag_type tag = field.tag();
        if (tag == kHost) {
            question.host = HF_TRY(read_text(field));
        } else if (tag >= kFileByName && tag <= kListServices) {
            question.kind = tag;
            question.text.clear();
            if (tag == kFileByExtension) {
                field.skip();
            } else {
                question.text = HF_TRY(read_text(field));
            }
        } else {
            field.skip();
        }
        return {};
    }));
    return question;
}

const DescribedFile* find_file(const Question& question) {
    for (const DescribedFile& file : described_files()) {
        const bool found = question.kind == kFileByName ? file.name == question.text
                                                        : file.names.contains(question.text);
        if (found) return &file;
    }
    return nullptr;
}

void add_error(Writer& to, const Status& status) {
    Writer error(to, 7);
    error.add_int32(1, static_cast<std::int32_t>(status.code()));
    error.add_string(2, std::string(status.message()));
}

void add_file(Writer& to, const Question& question) {
    const DescribedFile* const file = find_file(question);
    if (!file) {
        add_error(to, not_found("'{}' is not described here", question.text));
        return;
    }
    Writer files(to, 4);
    files.add_bytes(1, file->descriptor);
}

}  // namespace

Result<Reply> reflect(const Call& call) {
    const Question question = HF_TRY(read_question(call.message));
    std::string message;
    Writer writer(message);
    writer.add_string(1, question.host);
    const std::string_view original = as_text(call.message);
    writer.add_message(2, original.data(), original.size());
    switch (question.kind) {
        case kFileByName:
        case kFileBySymbol: add_file(writer, question); break;
        case kListServices: {
            Writer list(writer, 6);
            for (const DescribedFile& file : described_files()) {
                for (const std::string& service : file.services) {
                    Writer entry(list, 1);
                    entry.add_string(1, service);
                }
            }
            break;
        }
        case kFileByExtension:
        case kExtensionNumbers: add_error(writer, not_found("no message has extensions")); break;
        default: add_error(writer, invalid_argument("the request asks for nothing that is known"));
    }
    return Reply{to_bytes(message)};
}

bool is_service(std::string_view name) {
    const std::vector<DescribedFile>& files = described_files();
    return std::any_of(files.begin(), files.end(), [&](const DescribedFile& file) {
        return std::find(file.services.begin(), file.services.end(), name) != file.services.end();
    });
}

}  // namespace hf::serve::grpc
