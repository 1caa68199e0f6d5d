# Foreign libraries under the names that src/modules.txt uses: hf_foreign_<name>.
# Each is included in one adapter file or folder; its headers count as system headers.

# The shipped program carries its larger libraries: a dynamic loader takes some milliseconds of every
# start to bind them, and a command mostly uses none.
if(HF_STATIC_LIBRARIES)
    set(OPENSSL_USE_STATIC_LIBS TRUE)
    set(Boost_USE_STATIC_LIBS TRUE)
    set(ZLIB_USE_STATIC_LIBS TRUE)
    find_library(SQLite3_LIBRARY NAMES libsqlite3.a REQUIRED)
    find_library(HF_YAML_LIBRARY NAMES libyaml-cpp.a REQUIRED)
    find_path(HF_YAML_INCLUDE yaml-cpp/yaml.h REQUIRED)
    find_library(HF_ZSTD_LIBRARY NAMES libzstd.a REQUIRED)
    find_library(HF_NGHTTP2_LIBRARY NAMES libnghttp2.a REQUIRED)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(GTest REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
find_path(HF_HWY_INCLUDE hwy/highway.h REQUIRED)
if(NOT HF_STATIC_LIBRARIES)
    pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-cpp)
    find_library(HF_ZSTD_LIBRARY NAMES zstd REQUIRED)
    find_library(HF_NGHTTP2_LIBRARY NAMES nghttp2 REQUIRED)
endif()

function(hf_foreign name)
    add_library(hf_foreign_${name} INTERFACE)
    target_link_libraries(hf_foreign_${name} INTERFACE ${ARGN})
endfunction()

if(HF_STATIC_LIBRARIES)
    add_library(hf_fmt STATIC ${CMAKE_SOURCE_DIR}/cmake/format_library.cpp)
    hf_foreign(fmt hf_fmt)
else()
    hf_foreign(fmt fmt::fmt)
endif()
hf_foreign(boost_json Boost::json)
hf_foreign(boost Boost::headers Threads::Threads)
if(HF_STATIC_LIBRARIES)
    # A program with the property HF_SYSTEM_OPENSSL takes the machine's: see docs/reference/fleet.md, "What a device holds".
    find_library(HF_SYSTEM_SSL NAMES libssl.so REQUIRED)
    find_library(HF_SYSTEM_CRYPTO NAMES libcrypto.so REQUIRED)
    set(hf_shared "$<BOOL:$<TARGET_PROPERTY:HF_SYSTEM_OPENSSL>>")
    hf_foreign(openssl "$<IF:${hf_shared},${HF_SYSTEM_SSL},OpenSSL::SSL>"
                       "$<IF:${hf_shared},${HF_SYSTEM_CRYPTO},OpenSSL::Crypto>")
else()
    hf_foreign(openssl OpenSSL::SSL OpenSSL::Crypto)
endif()
hf_foreign(cli11 CLI11::CLI11)
hf_foreign(nghttp2 ${HF_NGHTTP2_LIBRARY})
hf_foreign(protozero)                     # headers only
hf_foreign(sqlite SQLite::SQLite3 Threads::Threads ${CMAKE_DL_LIBS} m)
hf_foreign(zlib ZLIB::ZLIB)
hf_foreign(zstd ${HF_ZSTD_LIBRARY})
hf_foreign(hwy)                           # headers only: see kernels/simd/dispatch.h
if(HF_STATIC_LIBRARIES)
    hf_foreign(yaml ${HF_YAML_LIBRARY})
else()
    hf_foreign(yaml PkgConfig::YAML)
endif()
hf_foreign(onednn ${CMAKE_DL_LIBS})       # headers only: the library is opened when it is wanted
