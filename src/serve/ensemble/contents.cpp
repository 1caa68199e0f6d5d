#include "serve/ensemble/contents.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "serve/ensemble/plan.h"

namespace hf::serve::ensemble {
namespace {

// "small" of "small.onnx"; nullopt: the file is no model and no declaration.
std::optional<std::string_view> name_in(std::string_view path) {
    for (const std::string_view ending : kMemberEndings) {
        if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
    }
    return std::nullopt;
}

class Finding final {
public:
    explicit Finding(std::span<const File> files) : files_(files) {}

    Result<std::vector<Part>> run(std::string_view entry,
                                  std::span<const std::string_view> beside) {
        HF_TRY(list_members());
        if (!entry.ends_with(kEnding)) {
            return invalid_argument(
                "'{}' is marked as what is to run, and the artifact holds an ensemble; want its "
                "{}",
                entry, kEnding);
        }
        const std::string name(entry.substr(0, entry.size() - kEnding.size()));
        if (entry.find('/') != entry.npos || name.empty()) {
            return invalid_argument(
                "'{}': an ensemble and its members lie at the top of their folder", entry);
        }
        const auto own = by_name_.find(name);
        if (own == by_name_.end() || own->second->path != entry) {
            return invalid_argument("'{}' is not among the files", entry);
        }
        HF_TRY(visit(name, 1));
        HF_TRY(check_all_named(entry));
        HF_TRY(check_beside(beside));
        return std::move(parts_);
    }

private:
    Status list_members() {
        for (const File& file : files_) {
            const std::optional<std::string_view> name = name_in(file.path);
            if (!name || name->find('/') != name->npos) continue;
            const auto [at, added] = by_name_.emplace(std::string(*name), &file);
            if (added) continue;
            return invalid_argument("{} and {} are both '{}'; leave one of them", at->second->path,
                                    file.path, *name);
        }
        return {};
    }

    // REQUIRES: there is a file of that name. Its depth is at most kDepthMax.
    Status visit(const std::string& name, std::size_t depth) {
        if (has_part(name)) return {};
        const File& file = *by_name_.find(name)->second;
        Part part{name, std::string(file.path)};
        if (file.path.ends_with(kEnding)) {
            if (depth > kDepthMax) {
                return invalid_argument("{}: ensembles are more than {} deep in one another",
                                        file.path, kDepthMax);
            }
            if (file.bytes.size() > kMaxDeclarationBytes) {
                return invalid_argument("{} has {}; the limit is {}", file.path,
                                        format_bytes(file.bytes.size()),
                                        format_bytes(kMaxDeclarationBytes));
            }
            part.declaration =
                HF_TRY(Declaration::parse(as_text(file.bytes)).context("{}", file.path));
            under_way_.push_back(name);
            HF_TRY(visit_members(part, depth));
            under_way_.pop_back();
        }
        if (parts_.size() == kPartsMax) {
            return invalid_argument("an ensemble with more than {} models and ensembles",
                                    kPartsMax - 1);
        }
        parts_.push_back(std::move(part));
        return {};
    }

    Status visit_members(const Part& part, std::size_t depth) {
        for (std::size_t i = 0; i < part.declaration->steps.size(); ++i) {
            const std::string& member = part.declaration->steps[i].model;
            const auto at = [&] { return fmt::format("{}: /steps/{}/model", part.file, i); };
            if (member.find_first_of("/\\") != member.npos || !is_utf8(member)) {
                return invalid_argument("{}: '{}' cannot be the name of a file", at(), member);
            }
            if (std::find(under_way_.begin(), under_way_.end(), member) != under_way_.end()) {
                return invalid_argument("{}: '{}' is made of itself", at(), member);
            }
            if (!by_name_.contains(member)) {
                return invalid_argument(
                    "{}: there is neither {}.onnx nor {}.tflite nor {}{} beside it", at(), member,
                    member, member, kEnding);
            }
            HF_TRY(visit(member, depth + 1));
        }
        return {};
    }

    bool has_part(std::string_view name) const {
        return std::any_of(parts_.begin(), parts_.end(),
                           [name](const Part& part) { return part.name == name; });
    }

    bool is_part(std::string_view path) const {
        return std::any_of(parts_.begin(), parts_.end(),
                           [path](const Part& part) { return part.file == path; });
    }

    // What nobody runs has no business in there; and whoever marks another declaration as the
    // artifact's own does not make another ensemble of what was signed.
    Status check_all_named(std::string_view entry) const {
        for (const File& file : files_) {
            if (!name_in(file.path) || is_part(file.path)) continue;
            return invalid_argument(
                "{} is no member of {}; name it in a step, or leave it out of the artifact",
                file.path, entry);
        }
        return {};
    }

    Status check_beside(std::span<const std::string_view> endings) const {
        for (const File& file : files_) {
            for (const std::string_view ending : endings) {
                if (!file.path.ends_with(ending)) continue;
                const std::string_view of = file.path.substr(0, file.path.size() - ending.size());
                if (is_part(of)) break;
                return invalid_argument(
                    "{} lies beside no model: '{}' is neither a member nor the ensemble", file.path,
                    of);
            }
        }
        return {};
    }

    const std::span<const File> files_;
    std::map<std::string, const File*, std::less<>> by_name_;
    std::vector<std::string> under_way_;  // ensembles whose members are looked for
    std::vector<Part> parts_;
};

}  // namespace

Result<std::vector<Part>> parts_of(std::span<const File> files, std::string_view entry,
                                   std::span<const std::string_view> beside_endings) {
    Result<std::vector<Part>> parts = Finding(files).run(entry, beside_endings);
    if (parts.ok()) return parts;
    return invalid_argument("{}", parts.status().message());
}

}  // namespace hf::serve::ensemble
