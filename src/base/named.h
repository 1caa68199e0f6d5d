// Named<Tag, T>: a T that cannot be mistaken for another T. Identifiers and units are built from
// it.
//
//     using NodeId = Named<struct NodeIdTag, std::uint32_t>;
//
// A plain value: copies, compares, hashes; construction from T is explicit. No arithmetic: take
// .value() where a computation is meant.

#pragma once

#include <compare>
#include <functional>
#include <utility>

namespace hf {

template <typename Tag, typename T>
class Named final {
public:
    using value_type = T;

    constexpr Named() = default;
    constexpr explicit Named(T value) : value_(std::move(value)) {}

    constexpr const T& value() const { return value_; }

    friend constexpr auto operator<=>(const Named&, const Named&) = default;

private:
    T value_{};
};

}  // namespace hf

template <typename Tag, typename T>
struct std::hash<hf::Named<Tag, T>> {
    std::size_t operator()(const hf::Named<Tag, T>& named) const {
        return std::hash<T>{}(named.value());
    }
};
