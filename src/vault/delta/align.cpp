#include "vault/delta/align.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "vault/delta/matcher.h"

namespace hf::vault::delta {
namespace {

// The tensors that can be used: inside the file, in order, apart.
std::vector<Tensor> sound_tensors(const Side& side) {
    std::vector<Tensor> sound;
    std::uint64_t end = 0;
    for (const Tensor& tensor : side.tensors) {
        const bool inside = tensor.offset >= end && tensor.offset <= side.bytes.size() &&
                            tensor.size <= side.bytes.size() - tensor.offset;
        if (!inside || tensor.size == 0) continue;
        end = tensor.offset + tensor.size;
        sound.push_back(tensor);
    }
    return sound;
}

constexpr std::size_t kUnpaired = static_cast<std::size_t>(-1);

// For each tensor of the result, that of the base.
std::vector<std::size_t> pair_tensors(const std::vector<Tensor>& base,
                                      const std::vector<Tensor>& result) {
    std::vector<std::size_t> pairs(result.size(), kUnpaired);
    std::vector<bool> taken(base.size(), false);
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < base.size(); ++i) by_name.emplace(base[i].name, i);
    for (std::size_t i = 0; i < result.size(); ++i) {
        const auto found = by_name.find(result[i].name);
        if (found == by_name.end() || taken[found->second]) continue;
        if (base[found->second].element != result[i].element) continue;
        pairs[i] = found->second;
        taken[found->second] = true;
    }
    // Renamed tensors keep their order mostly.
    std::map<std::pair<std::uint64_t, unsigned>, std::vector<std::size_t>> by_size;
    for (std::size_t i = base.size(); i-- > 0;) {
        if (!taken[i]) by_size[{base[i].size, base[i].element.width}].push_back(i);
    }
    for (std::size_t i = 0; i < result.size(); ++i) {
        if (pairs[i] != kUnpaired) continue;
        const auto found = by_size.find({result[i].size, result[i].element.width});
        if (found == by_size.end() || found->second.empty()) continue;
        pairs[i] = found->second.back();
        found->second.pop_back();
    }
    return pairs;
}

// The parts of the base that no paired tensor covers.
std::vector<Range> unpaired_parts(const Side& base, const std::vector<Tensor>& tensors,
                                  const std::vector<std::size_t>& pairs) {
    std::vector<bool> paired(tensors.size(), false);
    for (const std::size_t at : pairs) {
        if (at != kUnpaired) paired[at] = true;
    }
    std::vector<Range> parts;
    std::uint64_t from = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!paired[i]) continue;
        parts.push_back({from, tensors[i].offset});
        from = tensors[i].offset + tensors[i].size;
    }
    parts.push_back({from, base.bytes.size()});
    return parts;
}

// A tensor and its counterpart, which may be shorter or longer.
void add_pair(const Tensor& tensor, const Tensor& counterpart, std::vector<Stretch>& out) {
    std::uint64_t common = std::min(tensor.size, counterpart.size);
    common -= common % tensor.element.width;
    if (common > 0) out.push_back({tensor.offset, common, counterpart.offset, tensor.element});
    if (common == tensor.size) return;
    out.push_back({tensor.offset + common, tensor.size - common, {}, tensor.element});
}

}  // namespace

Element element_of(DType dtype) {
    const std::size_t size = dtype_size(dtype);
    const bool complex = dtype == DType::kC64 || dtype == DType::kC128;
    const std::size_t width = complex ? size / 2 : std::max<std::size_t>(size, 1);
    return {static_cast<std::uint8_t>(width), complex || is_float(dtype)};
}

std::vector<Stretch> align(const Side& base, const Side& result) {
    const std::vector<Tensor> from = sound_tensors(base);
    const std::vector<Tensor> to = sound_tensors(result);
    const std::vector<std::size_t> pairs = pair_tensors(from, to);
    const Matcher matcher(base.bytes, result.bytes, unpaired_parts(base, from, pairs));
    std::vector<Stretch> out;
    std::uint64_t at = 0;
    std::uint64_t expected = 0;  // in the base, of the byte at `at`
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (pairs[i] == kUnpaired) continue;  // its content may lie in the base all the same
        const Tensor& counterpart = from[pairs[i]];
        matcher.cover({at, to[i].offset}, expected, out);
        add_pair(to[i], counterpart, out);
        at = to[i].offset + to[i].size;
        expected = counterpart.offset + counterpart.size;
    }
    matcher.cover({at, result.bytes.size()}, expected, out);
    return out;
}

}  // namespace hf::vault::delta
