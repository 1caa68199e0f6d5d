// The services in the form of descriptors.h. Fields that a one-of does not hold stand before it:
// the order of a message's lines says nothing else.

#pragma once

#include <array>
#include <string_view>

namespace hf::serve::grpc {

inline constexpr std::string_view kInferenceSchema = R"(
file open_inference_grpc.proto inference
service GRPCInferenceService
rpc ServerLive ServerLiveRequest ServerLiveResponse
rpc ServerReady ServerReadyRequest ServerReadyResponse
rpc ModelReady ModelReadyRequest ModelReadyResponse
rpc ServerMetadata ServerMetadataRequest ServerMetadataResponse
rpc ModelMetadata ModelMetadataRequest ModelMetadataResponse
rpc ModelInfer ModelInferRequest ModelInferResponse
rpc ModelStreamInfer ModelInferRequest* ModelStreamInferResponse*
rpc ModelStatistics ModelStatisticsRequest ModelStatisticsResponse
rpc RepositoryIndex RepositoryIndexRequest RepositoryIndexResponse
rpc RepositoryModelLoad RepositoryModelLoadRequest RepositoryModelLoadResponse
rpc RepositoryModelUnload RepositoryModelUnloadRequest RepositoryModelUnloadResponse
rpc TraceSetting TraceSettingRequest TraceSettingResponse
rpc LogSettings LogSettingsRequest LogSettingsResponse
rpc SystemSharedMemoryStatus SystemSharedMemoryStatusRequest SystemSharedMemoryStatusResponse
rpc SystemSharedMemoryRegister SystemSharedMemoryRegisterRequest SystemSharedMemoryRegisterResponse
rpc SystemSharedMemoryUnregister SystemSharedMemoryUnregisterRequest )"
                                                     R"(SystemSharedMemoryUnregisterResponse
rpc CudaSharedMemoryStatus CudaSharedMemoryStatusRequest CudaSharedMemoryStatusResponse
rpc CudaSharedMemoryRegister CudaSharedMemoryRegisterRequest CudaSharedMemoryRegisterResponse
rpc CudaSharedMemoryUnregister CudaSharedMemoryUnregisterRequest CudaSharedMemoryUnregisterResponse
message ServerLiveRequest
message ServerLiveResponse
  bool live 1
message ServerReadyRequest
message ServerReadyResponse
  bool ready 1
message ModelReadyRequest
  string name 1
  string version 2
message ModelReadyResponse
  bool ready 1
message ServerMetadataRequest
message ServerMetadataResponse
  string name 1
  string version 2
  string* extensions 3
message ModelMetadataRequest
  string name 1
  string version 2
message ModelMetadataResponse
  string name 1
  string* versions 2
  string platform 3
  ModelMetadataResponse.TensorMetadata* inputs 4
  ModelMetadataResponse.TensorMetadata* outputs 5
  map<string> properties 6
message ModelMetadataResponse.TensorMetadata
  string name 1
  string datatype 2
  int64* shape 3
message InferParameter
  one-of parameter_choice
  bool bool_param 1
  int64 int64_param 2
  string string_param 3
message InferTensorContents
  bool* bool_contents 1
  int32* int_contents 2
  int64* int64_contents 3
  uint32* uint_contents 4
  uint64* uint64_contents 5
  float* fp32_contents 6
  double* fp64_contents 7
  bytes* bytes_contents 8
message ModelInferRequest
  string model_name 1
  string model_version 2
  string id 3
  map<InferParameter> parameters 4
  ModelInferRequest.InferInputTensor* inputs 5
  ModelInferRequest.InferRequestedOutputTensor* outputs 6
  bytes* raw_input_contents 7
message ModelInferRequest.InferInputTensor
  string name 1
  string datatype 2
  int64* shape 3
  map<InferParameter> parameters 4
  InferTensorContents contents 5
message ModelInferRequest.InferRequestedOutputTensor
  string name 1
  map<InferParameter> parameters 2
message ModelInferResponse
  string model_name 1
  string model_version 2
  string id 3
  map<InferParameter> parameters 4
  ModelInferResponse.InferOutputTensor* outputs 5
  bytes* raw_output_contents 6
message ModelInferResponse.InferOutputTensor
  string name 1
  string datatype 2
  int64* shape 3
  map<InferParameter> parameters 4
  InferTensorContents contents 5
message ModelStreamInferResponse
  string error_message 1
  ModelInferResponse infer_response 2
message ModelStatisticsRequest
  string name 1
  string version 2
message ModelStatisticsResponse
  ModelStatistics* model_stats 1
message ModelStatistics
  string name 1
  string version 2
  uint64 last_inference 3
  uint64 inference_count 4
  uint64 execution_count 5
  InferStatistics inference_stats 6
  InferBatchStatistics* batch_stats 7
  MemoryUsage* memory_usage 8
message InferStatistics
  StatisticDuration success 1
  StatisticDuration fail 2
  StatisticDuration queue 3
  StatisticDuration compute_input 4
  StatisticDuration compute_infer 5
  StatisticDuration compute_output 6
  StatisticDuration cache_hit 7
  StatisticDuration cache_miss 8
message InferBatchStatistics
  uint64 batch_size 1
  StatisticDuration compute_input 2
  StatisticDuration compute_infer 3
  StatisticDuration compute_output 4
message StatisticDuration
  uint64 count 1
  uint64 ns 2
message MemoryUsage
  string type 1
  int64 id 2
  uint64 byte_size 3
message RepositoryIndexRequest
  string repository_name 1
  bool ready 2
message RepositoryIndexResponse
  RepositoryIndexResponse.ModelIndex* models 1
message RepositoryIndexResponse.ModelIndex
  string name 1
  string version 2
  string state 3
  string reason 4
message RepositoryModelLoadRequest
  string repository_name 1
  string model_name 2
  map<ModelRepositoryParameter> parameters 3
message RepositoryModelLoadResponse
message RepositoryModelUnloadRequest
  string repository_name 1
  string model_name 2
  map<ModelRepositoryParameter> parameters 3
message RepositoryModelUnloadResponse
message TraceSettingRequest
  map<TraceSettingRequest.SettingValue> settings 1
  string model_name 2
message TraceSettingRequest.SettingValue
  string* value 1
message TraceSettingResponse
  map<TraceSettingResponse.SettingValue> settings 1
message TraceSettingResponse.SettingValue
  string* value 1
message LogSettingsRequest
  map<LogSettingsRequest.SettingValue> settings 1
message LogSettingsRequest.SettingValue
  one-of parameter_choice
  bool bool_param 1
  uint32 uint32_param 2
  string string_param 3
message LogSettingsResponse
  map<LogSettingsResponse.SettingValue> settings 1
message LogSettingsResponse.SettingValue
  one-of parameter_choice
  bool bool_param 1
  uint32 uint32_param 2
  string string_param 3
message SystemSharedMemoryStatusRequest
  string name 1
message SystemSharedMemoryStatusResponse
  map<SystemSharedMemoryStatusResponse.RegionStatus> regions 1
message SystemSharedMemoryStatusResponse.RegionStatus
  string name 1
  string key 2
  uint64 offset 3
  uint64 byte_size 4
message SystemSharedMemoryRegisterRequest
  string name 1
  string key 2
  uint64 offset 3
  uint64 byte_size 4
message SystemSharedMemoryRegisterResponse
message SystemSharedMemoryUnregisterRequest
  string name 1
message SystemSharedMemoryUnregisterResponse
message CudaSharedMemoryStatusRequest
  string name 1
message CudaSharedMemoryStatusResponse
  map<CudaSharedMemoryStatusResponse.RegionStatus> regions 1
message CudaSharedMemoryStatusResponse.RegionStatus
  string name 1
  uint64 device_id 2
  uint64 byte_size 3
message CudaSharedMemoryRegisterRequest
  string name 1
  bytes raw_handle 2
  int64 device_id 3
  uint64 byte_size 4
message CudaSharedMemoryRegisterResponse
message CudaSharedMemoryUnregisterRequest
  string name 1
message CudaSharedMemoryUnregisterResponse
message ModelRepositoryParameter
  one-of parameter_choice
  bool bool_param 1
  int64 int64_param 2
  string string_param 3
  bytes bytes_param 4
)";

inline constexpr std::string_view kHealthSchema = R"(
file grpc/health/v1/health.proto grpc.health.v1
service Health
rpc Check HealthCheckRequest HealthCheckResponse
rpc Watch HealthCheckRequest HealthCheckResponse*
message HealthCheckRequest
  string service 1
message HealthCheckResponse
  enum:HealthCheckResponse.ServingStatus status 1
enum HealthCheckResponse.ServingStatus
  value UNKNOWN 0
  value SERVING 1
  value NOT_SERVING 2
  value SERVICE_UNKNOWN 3
)";

inline constexpr std::string_view kReflectionSchema = R"(
file grpc/reflection/v1/reflection.proto grpc.reflection.v1
service ServerReflection
rpc ServerReflectionInfo ServerReflectionRequest* ServerReflectionResponse*
message ServerReflectionRequest
  string host 1
  one-of message_request
  string file_by_filename 3
  string file_containing_symbol 4
  ExtensionRequest file_containing_extension 5
  string all_extension_numbers_of_type 6
  string list_services 7
message ExtensionRequest
  string containing_type 1
  int32 extension_number 2
message ServerReflectionResponse
  string valid_host 1
  ServerReflectionRequest original_request 2
  one-of message_response
  FileDescriptorResponse file_descriptor_response 4
  ExtensionNumberResponse all_extension_numbers_response 5
  ListServiceResponse list_services_response 6
  ErrorResponse error_response 7
message FileDescriptorResponse
  bytes* file_descriptor_proto 1
message ExtensionNumberResponse
  string base_type_name 1
  int32* extension_number 2
message ListServiceResponse
  ServiceResponse* service 1
message ServiceResponse
  string name 1
message ErrorResponse
  int32 error_code 1
  string error_message 2
)";

inline constexpr std::array<std::string_view, 3> kSchemas{kInferenceSchema, kHealthSchema,
                                                          kReflectionSchema};

}  // namespace hf::serve::grpc
