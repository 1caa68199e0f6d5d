# Foreign libraries under the names that src/modules.txt uses: hf_foreign_<name>.
# Each is included in one adapter file or folder; its headers count as system headers.

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(GTest REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-cpp)

function(hf_foreign name)
    add_library(hf_foreign_${name} INTERFACE)
    target_link_libraries(hf_foreign_${name} INTERFACE ${ARGN})
endfunction()

hf_foreign(fmt fmt::fmt)
hf_foreign(boost_json Boost::json)
hf_foreign(boost Boost::headers Threads::Threads)
hf_foreign(openssl OpenSSL::SSL OpenSSL::Crypto)
hf_foreign(cli11 CLI11::CLI11)
hf_foreign(protozero)                     # headers only
hf_foreign(sqlite SQLite::SQLite3 Threads::Threads)
hf_foreign(zlib ZLIB::ZLIB)
hf_foreign(hwy PkgConfig::HWY)
hf_foreign(yaml PkgConfig::YAML)
hf_foreign(onednn ${CMAKE_DL_LIBS})       # headers only: the library is opened when it is wanted
