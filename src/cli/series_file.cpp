#include "cli/series_file.h"

#include "crypto/hash.h"

namespace hf::cli {

std::vector<Option> series_options() {
    return {{"--time", "the column of times: RFC 3339, or seconds since 1970", "COLUMN", "", false,
             true},
            {"--value", "the column of values", "COLUMN", "", false, true}};
}

Result<SeriesFile> read_series(World& world, const std::string& path, const Arguments& arguments) {
    const std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    SeriesFile series;
    series.digest = crypto::sha256(file->bytes());
    series.read =
        HF_TRY(stream::read_csv(file->bytes(), {arguments.get("time"), arguments.get("value")})
                   .context("{}", path));
    if (series.read.series.size() < series.read.rows || series.read.out_of_order > 0) {
        world.note(fmt::format("{}: {}\n", path, series.read.summary()));
    }
    return series;
}

}  // namespace hf::cli
