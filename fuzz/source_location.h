// std::source_location for clang 14, whose builtin for it came later (clang 16); included in front
// of every file by the preset `fuzz`. Has only what base/check.h asks for.

#pragma once

#if !__has_builtin(__builtin_source_location)

namespace std {

class source_location final {
public:
    static constexpr source_location current(const char* file = __builtin_FILE(),
                                             unsigned line = __builtin_LINE(),
                                             const char* function = __builtin_FUNCTION()) {
        source_location place;
        place.file_ = file;
        place.line_ = line;
        place.function_ = function;
        return place;
    }
    constexpr const char* file_name() const { return file_; }
    constexpr unsigned line() const { return line_; }
    constexpr const char* function_name() const { return function_; }

private:
    const char* file_ = "";
    unsigned line_ = 0;
    const char* function_ = "";
};

}  // namespace std

#endif
