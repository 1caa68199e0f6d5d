# Precompiled headers, of other people's libraries only: ours stay cheap to change. Unit tests have them always. Where
# HF_PRECOMPILE is off, which is what CI's sanitizer build has, every file of a module must include what it uses.

set(hf_common_headers <algorithm> <array> <chrono> <cmath> <functional> <map> <memory> <optional> <set> <span>
    <string> <string_view> <variant> <vector> <fmt/format.h> <boost/json/array.hpp> <boost/json/object.hpp>
    <boost/json/value.hpp>)
if(HF_PRECOMPILE)
    file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
    add_library(hf_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cpp)
    target_link_libraries(hf_precompiled PRIVATE hf_flags hf_foreign_fmt hf_foreign_boost_json)
    target_precompile_headers(hf_precompiled PRIVATE ${hf_common_headers})
endif()
if(HF_UNIT_TESTS)
    # An executable, for it is compiled with -fPIE as the tests are.
    file(WRITE ${CMAKE_BINARY_DIR}/precompiled_tests.cpp "int main() { return 0; }\n")
    add_executable(hf_precompiled_tests ${CMAKE_BINARY_DIR}/precompiled_tests.cpp)
    set_target_properties(hf_precompiled_tests PROPERTIES HF_UNIT_TEST ON)
    target_link_libraries(hf_precompiled_tests PRIVATE hf_flags hf_foreign_fmt hf_foreign_boost_json GTest::gtest)
    target_precompile_headers(hf_precompiled_tests PRIVATE ${hf_common_headers} <gtest/gtest.h>)
endif()

# `with`: hf_precompiled or hf_precompiled_tests. Nothing where that is not built.
function(hf_precompile target with)
    if(TARGET ${with})
        target_precompile_headers(${target} REUSE_FROM ${with})
        # GCC 12 sees bounds broken in `std::string() + "text"` (its bug 105329); a precompiled header takes away what
        # keeps it silent about system headers. CI's sanitizer build has the warning.
        target_compile_options(${target} PRIVATE -Wno-array-bounds)
    endif()
endfunction()
