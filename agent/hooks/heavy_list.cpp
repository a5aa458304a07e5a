#include "agent/hooks/heavy_list.h"

#include <array>

namespace jobward::hooks {
namespace {

constexpr std::string_view kBuild = "a build";
constexpr std::string_view kTests = "a test suite";
constexpr std::string_view kTraining = "training or inference";
constexpr std::string_view kData = "a data build";
constexpr std::string_view kCheck = "an analysis of the whole source";
constexpr std::string_view kPackages = "installing packages";
constexpr std::string_view kContainer = "a container";
constexpr std::string_view kLoad = "a load or a measurement";
constexpr std::string_view kMedia = "media encoding";
constexpr std::string_view kDatabase = "a whole database";
constexpr std::string_view kFiles = "large files";
constexpr std::string_view kDownload = "a large download";

constexpr auto kRules = std::to_array<HeavyRule>({
    // ---- Builds
    {"ninja ninja-build samu", kBuild, "", "-n -t --dry-run"},
    {"cmake", kBuild, "--build --workflow"},
    {"meson", kBuild, "compile test install", "", "C"},
    {"bazel bazelisk buck buck2 pants", kBuild, "build test run coverage", "", ""},
    {"scons waf", kBuild, "", "-n -c --clean"},
    {"gradle gradlew", kBuild, "",
     "tasks --stop --status help properties dependencies projects -v wrapper clean"},
    {"mvn mvnw mvnd", kBuild,
     "compile test package verify install deploy site integration-test test-compile",
     "-v --version", "f pl P s T", true},
    {"sbt mill ant", kBuild},
    {"cargo", kBuild,
     "build b check c clippy test t nextest bench run r doc install miri rustc llvm-cov watch "
     "tarpaulin hack fuzz flamegraph",
     "", "manifest-path color config Z C"},
    {"cross maturin wasm-pack trunk", kBuild, "build test develop publish run bench"},
    {"go", kBuild, "build test install vet generate", "", "C"},
    {"golangci-lint", kCheck, "run"},
    {"dotnet msbuild msbuild.exe", kBuild, "build publish test pack run restore App.sln /m", "",
     ""},
    {"swift", kBuild, "build test run"},
    {"xcodebuild", kBuild, "", "-list -showsdks -version -showBuildSettings"},
    {"flutter dart", kBuild, "build test run compile"},
    {"stack cabal", kBuild, "build test bench install run ghci", "", ""},
    {"dune", kBuild, "build b test runtest exec"},
    {"lake", kBuild, "build test exe exec"},
    {"ghc", kBuild, "--make -O -O1 -O2"},
    {"zig", kBuild, "build test build-exe build-lib"},
    {"mix rebar3", kBuild, "test compile do deps.compile release dialyzer credo ct"},
    {"nix", kBuild, "build run profile"},
    {"nix-build guix dpkg-buildpackage debuild makepkg rpmbuild mock pbuilder sbuild", kBuild},
    {"just task invoke inv rake doit", kBuild, "", "--list -l --summary -T --tasks"},
    {"webpack rollup parcel turbo lerna rush electron-builder", kBuild, "", "login prune daemon"},
    {"nx", kBuild, "affected run-many run build test e2e lint"},
    {"vite next nuxt astro gatsby ng react-scripts vue-cli-service remix expo svelte-kit", kBuild,
     "build test generate export"},
    {"tsc", kBuild, "", "--init --showConfig"},
    {"node-gyp", kBuild, "rebuild build"},
    {"latexmk", kBuild, "", "-c -C"},
    {"vivado quartus_sh yosys nextpnr-ice40 nextpnr-ecp5 verilator", kBuild},
    {"R", kBuild, "CMD"},
    // ---- Tests
    {"pytest py.test", kTests, "", "--collect-only --co --fixtures --markers --setup-plan"},
    {"ctest", kTests, "", "-N --show-only"},
    {"tox", kTests, "", "-l --listenvs -a list"},
    {"nox", kTests, "", "-l --list"},
    {"hatch", kTests, "test run"},
    {"jest vitest mocha ava karma cypress tap c8 nyc", kTests, "",
     "--listTests --list list open verify info"},
    {"playwright", kTests, "test install", "--list"},
    {"bun", kTests, "test install"},
    {"deno", kTests, "test bench compile"},
    {"rspec cucumber phpunit pest codecept", kTests},
    {"rails", kTests, "test test:all test:system spec assets:precompile db:migrate db:seed"},
    {"mutmut stryker cosmic-ray pit", kTests, "run", "", ""},
    // ---- Analyses
    {"mypy pyright pylint pyre pytype", kCheck},
    {"eslint biome oxlint", kCheck},
    {"clang-tidy run-clang-tidy cppcheck scan-build infer pvs-studio-analyzer", kCheck, "",
     "--dump-config --list-checks"},
    {"semgrep codeql sonar-scanner snyk trivy grype bandit phpstan psalm rubocop sorbet", kCheck},
    {"pre-commit", kCheck, "run", ""},
    // ---- Training and inference
    {"torchrun deepspeed accelerate composer horovodrun mpirun mpiexec", kTraining, "",
     "config env estimate-memory"},
    {"yolo lm_eval lm-eval whisper whisperx llama-cli llama-server llama-bench llama-quantize "
     "xgboost lightgbm axolotl unsloth tune",
     kTraining},
    {"vllm", kTraining, "serve bench run-batch chat complete"},
    {"ollama", kTraining, "run create"},
    {"wandb", kTraining, "agent"},
    {"papermill", kTraining},
    {"jupyter", kTraining, "nbconvert execute", "--clear-output"},
    // ---- Containers and machines
    {"docker podman nerdctl buildah", kContainer, "build buildx bake save load export import",
     "ls prune inspect version", "context H host"},
    {"docker-compose podman-compose", kContainer, "build", "", "f file p project-name profile"},
    {"vagrant minikube kind k3d colima lima", kContainer, "up start create"},
    {"apptainer singularity", kContainer, "build run exec"},
    {"qemu-system-x86_64 qemu-system-aarch64 qemu-system-arm qemu-img firecracker", kContainer, "",
     "info"},
    {"packer", kContainer, "build"},
    // ---- Packages
    {"pip pip3 pipx", kPackages, "install download wheel"},
    {"uv", kPackages, "sync pip add tool", "list show freeze check tree"},
    {"poetry pdm pipenv rye pixi", kPackages, "install update sync lock add"},
    {"conda mamba micromamba", kPackages, "install create update env", "list export info remove"},
    {"apt apt-get aptitude dnf yum zypper pacman apk", kPackages,
     "install upgrade dist-upgrade full-upgrade build-dep reinstall groupinstall -S -Syu add", "",
     "o c t"},
    {"brew port", kPackages, "install upgrade reinstall bundle"},
    {"gem composer", kPackages, "install update require"},
    {"bundle", kPackages, "install update"},
    {"pyenv rbenv asdf nodenv rustup sdk mise", kPackages, "install update"},
    {"npm-check-updates", kPackages},
    // ---- Downloads
    {"huggingface-cli hf kaggle modelscope", kDownload, "download datasets upload competitions",
     "list files submissions"},
    {"aws", kDownload, "s3", "ls mb rb presign", ""},
    {"gsutil rclone azcopy s5cmd", kDownload, "cp rsync sync copy mv -m check"},
    {"aria2c axel", kDownload},
    // ---- Data
    {"dbt", kData, "run build test seed snapshot compile"},
    {"snakemake", kData, "", "-n --dry-run --dryrun --list --summary --lint"},
    {"nextflow", kData, "run"},
    {"dvc", kData, "repro pull push fetch exp add"},
    {"spark-submit pyspark flink dask-scheduler", kData},
    {"matlab octave", kData},
    {"bwa bowtie2 hisat2 STAR minimap2 gatk salmon kallisto blastn blastp samtools bcftools "
     "fastqc trimmomatic kraken2 spades.py",
     kData},
    {"great_expectations airflow prefect dagster luigi", kData, "checkpoint dags run backfill job"},
    // ---- Databases
    {"pg_dump pg_dumpall mongodump", kDatabase, "", "--schema-only -s"},
    {"mysqldump mariadb-dump", kDatabase, "", "--no-data -d"},
    {"pg_restore mongorestore mysqlimport pg_basebackup pgbench vacuumdb reindexdb", kDatabase, "",
     "-l --list"},
    // ---- Loads and measurements
    {"stress stress-ng wrk wrk2 ab hey vegeta k6 locust fio sysbench iozone bonnie++ hyperfine "
     "valgrind heaptrack iperf3 afl-fuzz honggfuzz",
     kLoad},
    {"perf", kLoad, "record stat bench mem c2c"},
    // ---- Media
    {"mogrify ocrmypdf HandBrakeCLI blender inkscape povray", kMedia},
    {"ffmpeg", kMedia, "",
     "-encoders -decoders -codecs -formats -filters -frames:v -vframes -devices -L"},
    // ---- Large files
    {"7z 7za 7zr", kFiles, "a x e u", ""},
    {"git", kFiles, "gc repack fsck filter-branch filter-repo", "", "C c git-dir work-tree"},
    {"git-filter-repo bfg", kFiles},
});

constexpr auto kModules = std::to_array<HeavyRule>({
    {"pytest unittest nose nose2 tox nox", kTests, "", "--collect-only --co --fixtures --markers"},
    {"coverage", kTests, "run"},
    {"pip", kPackages, "install download wheel"},
    {"build wheel cibuildwheel PyInstaller nuitka mypyc", kBuild},
    {"mypy pylint pyright flake8 bandit", kCheck},
    {"torch.distributed.run torch.distributed.launch accelerate.commands.launch vllm.entrypoints."
     "openai.api_server lm_eval",
     kTraining},
    {"playwright", kTests, "install"},
    {"spacy", kTraining, "train download convert"},
});

constexpr auto kCode = std::to_array<std::string_view>(
    {"from_pretrained", ".fit(", ".backward(", "DataLoader", "load_dataset(", "read_parquet(",
     "SparkSession", "dask.dataframe", "optim.", "multiprocessing", "ProcessPoolExecutor",
     "subprocess.run([\"make", "install.packages", "n_jobs="});

}  // namespace

std::span<const HeavyRule> heavy_rules() { return kRules; }
std::span<const HeavyRule> heavy_modules() { return kModules; }
std::span<const std::string_view> heavy_code() { return kCode; }

std::string_view heavy_name_parts() {
  return "train training trainer retrain pretrain finetune finetuning fit sweep tune tuning "
         "preprocess process build builder compile rebuild simulate simulation sim bench benchmark "
         "benchmarks fuzz fuzzer etl embed embeddings embedding ingest evaluate backtest dataset "
         "datasets run_all runall test tests stress soak convert crawl render autotest loadtest";
}

std::string_view small_suffixes() {
  return "txt md rst json yaml yml toml ini cfg conf log lock py js ts c h cpp hpp rs go java sh "
         "html css svg example env";
}

std::string_view large_suffixes() {
  return "tsv csv jsonl ndjson parquet arrow feather sql dump bin img iso tar gz tgz bz2 xz zst "
         "zip 7z rar safetensors gguf pt pth ckpt h5 hdf5 npy npz bam fastq fq fasta vcf mp4 mkv "
         "qcow2 vmdk txz tbz2 pcap db";
}

}  // namespace jobward::hooks
