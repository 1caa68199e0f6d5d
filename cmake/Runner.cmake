# The small programs that run plans and nothing else: no server, no TLS, no importers, no oneDNN.
#   holdfast-run    every kernel of ours, the reference device's among them
#   holdfast-micro  the int8 kernels: what `holdfast compile --executable` puts int8 networks behind
# Both are linked statically from sources compiled once more, for size; vector kernels keep their -O2, but in micro.

set(hf_runner_flags -Os -ffunction-sections -fdata-sections -fno-exceptions -fno-asynchronous-unwind-tables
    -fomit-frame-pointer -fvisibility=hidden -fno-pie)

function(hf_runner_part name)
    set(sources "")
    foreach(pattern IN LISTS ARGN)
        file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${pattern})
        list(APPEND sources ${found})
    endforeach()
    list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|steps/library\\.cpp$")  # the latter is oneDNN's
    add_library(runner_${name} OBJECT EXCLUDE_FROM_ALL ${sources})
    set_target_properties(runner_${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_link_libraries(runner_${name} PRIVATE hf_flags)
    target_compile_options(runner_${name} PRIVATE ${hf_runner_flags})
endfunction()

hf_runner_part(core base/bytes.cpp base/checksum.cpp base/digest.cpp base/rng.cpp base/status.cpp
    base/text.cpp tensor/dtype.cpp tensor/npy.cpp tensor/shape.cpp tensor/tensor.cpp runtime/executable.cpp
    runtime/model.cpp runtime/plan_file.cpp runtime/plan_header.cpp runtime/cpu/model.cpp runtime/cpu/plan.cpp
    runtime/cpu/plan_decode.cpp runner/command.cpp runner/io.cpp runner/main.cpp
    runner/no_library.cpp runner/support.cpp)
target_sources(runner_core PRIVATE ${CMAKE_SOURCE_DIR}/cmake/format_library.cpp)
target_compile_definitions(runner_core PRIVATE HF_WITHOUT_STDIO)
hf_runner_part(kernels kernels/*.cpp kernels/simd/*.cpp)
hf_runner_part(crew runtime/crew.cpp)
hf_runner_part(no_crew runner/no_crew.cpp)
hf_runner_part(micro_kernels kernels/fixed_point.cpp kernels/move.cpp kernels/simd/depthwise.cpp
    kernels/simd/dispatch.cpp kernels/simd/gemm_f32.cpp kernels/simd/gemm_i8.cpp kernels/simd/pad.cpp
    kernels/simd/pool.cpp kernels/simd/quantized.cpp)
set(hf_micro_steps runtime/cpu/steps/common.cpp runtime/cpu/steps/conv.cpp runtime/cpu/steps/elementwise.cpp
    runtime/cpu/steps/image.cpp runtime/cpu/steps/integer.cpp runtime/cpu/steps/move.cpp runtime/cpu/steps/pool.cpp
    runtime/cpu/steps/product.cpp runtime/cpu/steps/quantized.cpp)
hf_runner_part(micro_steps ${hf_micro_steps} runner/micro_kernels.cpp)
hf_runner_part(steps runtime/cpu/kernels.cpp runtime/cpu/steps/*.cpp)
hf_runner_part(reference base/text_real.cpp graph/*.cpp graph/onnx/element_type.cpp tensor/datum.cpp runtime/ref/*.cpp runtime/ref/ops/*.cpp)

target_compile_options(runner_kernels PRIVATE -O2)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(runner_kernels PRIVATE -march=x86-64-v2)
    # AVX-512 would add a third of the kernels, for models that take a tenth of a millisecond.
    target_compile_options(runner_micro_kernels PRIVATE -march=x86-64-v2 -DHF_KERNELS_SMALL
        "-DHWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_AVX3|HWY_AVX3_DL)")
endif()

function(hf_runner name)
    add_executable(${name} $<TARGET_OBJECTS:runner_core>)
    foreach(part IN LISTS ARGN)
        target_sources(${name} PRIVATE $<TARGET_OBJECTS:runner_${part}>)
    endforeach()
    target_link_options(${name} PRIVATE -static -no-pie -Wl,--gc-sections -Wl,-s -Wl,--build-id=none)
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX POSITION_INDEPENDENT_CODE OFF)
    if(NOT HF_STATIC_LIBRARIES)  # a third more to compile, which no edit of other modules waits for
        set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
endfunction()

hf_runner(holdfast-run steps kernels reference crew)
hf_runner(holdfast-micro micro_steps micro_kernels no_crew)
