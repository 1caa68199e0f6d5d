#include <map>
#include <utility>

#include "runtime/ref/families.h"
#include "runtime/ref/op.h"

namespace hf::runtime::ref {

Result<Tensor> need_input(const OpContext& context, std::size_t index) {
    const Tensor* tensor = context.input(index);
    if (!tensor) {
        return invalid_argument("input {} of {} is missing", index, context.node.describe());
    }
    return *tensor;
}

namespace {

Status wrong_kind(const DatumContext& context, std::size_t index, std::string_view wanted) {
    if (index >= context.inputs.size() || context.inputs[index].is_nothing()) {
        return invalid_argument("input {} is missing; want {}", index, wanted);
    }
    return invalid_argument("input {} is {}; want {}", index, context.inputs[index].kind(), wanted);
}

}  // namespace

Result<Tensor> need_tensor(const DatumContext& context, std::size_t index) {
    if (const Tensor* tensor = context.tensor(index)) return *tensor;
    return wrong_kind(context, index, "a tensor");
}

Result<const Sequence*> need_sequence(const DatumContext& context, std::size_t index) {
    if (const Sequence* sequence = context.sequence(index)) return sequence;
    return wrong_kind(context, index, "a sequence");
}

std::vector<OpRow> all_ops() {
    std::vector<OpRow> rows = data_rows();
    for (const OpRow& row : math_rows()) rows.push_back(row);
    return rows;
}

const OpRow* find_op(std::string_view domain, std::string_view op) {
    using Key = std::pair<std::string_view, std::string_view>;
    static const std::map<Key, OpRow> table = [] {
        std::map<Key, OpRow> by_name;
        for (const OpRow& row : all_ops()) by_name.emplace(Key(row.domain, row.op), row);
        return by_name;
    }();
    const auto found = table.find(Key(domain, op));
    return found == table.end() ? nullptr : &found->second;
}

}  // namespace hf::runtime::ref
