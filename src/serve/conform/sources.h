// The sentences of the standards that cases come from. "OIP" is the REST API of the Open Inference
// Protocol (kserve/open-inference-protocol, specification/protocol/inference_rest.md) and the text
// that it grew from (kserve/kserve, docs/predict-api/v2/required_api.md); an extension is one of
// triton-inference-server/server, docs/protocol; RFCs are those of the IETF.

#pragma once

#include <string_view>

namespace hf::serve::conform::source {

using Text = std::string_view;

// Health
inline constexpr Text kHealth =
    "OIP, Health: \"A 200 status code indicates true and a 4xx status code indicates false.\"";
inline constexpr Text kHealthBody =
    "OIP, Health: \"The HTTP response body should be empty\", or Server Live Response JSON Object";
inline constexpr Text kServerReady =
    "OIP, Server Ready: \"indicates if all the models are ready for inferencing\"";
inline constexpr Text kModelReady =
    "OIP, Model Ready: \"indicates if a specific model is ready for inferencing\"";
inline constexpr Text kModelReadyBody =
    "OIP, Model Ready Response JSON Object: \"name\" : $string, \"ready\": $bool; or an empty body";
inline constexpr Text kCase = "OIP, HTTP/REST: \"All strings in all contexts are case-sensitive.\"";

// Metadata
inline constexpr Text kServerMetadata =
    "OIP, Server Metadata: \"A successful server metadata request is indicated by a 200\"";
inline constexpr Text kServerObject = "OIP, Server Metadata Response JSON Object";
inline constexpr Text kModelMetadata =
    "OIP, Model Metadata: \"A successful model metadata request is indicated by a 200\"";
inline constexpr Text kModelObject = "OIP, Model Metadata Response JSON Object";
inline constexpr Text kVersions =
    "OIP, Model Metadata: \"The model versions that may be explicitly requested\"";
inline constexpr Text kPlatform =
    "OIP, Platforms: \"Platform names use the format <project>_<format>.\"";
inline constexpr Text kTensorMetadata =
    "OIP, Model Metadata Response JSON Object: $metadata_tensor";
inline constexpr Text kTensorShape =
    "OIP, Model Metadata: \"Variable-size dimensions are specified as -1.\"";
inline constexpr Text kMetadataError =
    "OIP, Model Metadata: \"A failed model metadata request must be indicated by an HTTP error\"";

// Inference
inline constexpr Text kInfer =
    "OIP, Inference: \"A successful inference request is indicated by a 200 HTTP status code.\"";
inline constexpr Text kInferResponse = "OIP, Inference Response JSON Object";
inline constexpr Text kId =
    "OIP, Inference: \"if specified this identifier must be returned in the response\"";
inline constexpr Text kOutputs =
    "OIP, Request Output: \"used to request which output tensors should be returned\"";
inline constexpr Text kParameters = "OIP, Parameters: \"zero or more name/value pairs\"";
inline constexpr Text kTensorData =
    "OIP, Tensor Data: \"in their nature multi-dimensional representation, or as a flattened\"";
inline constexpr Text kRowMajor =
    "OIP, Tensor Data: \"Tensor data must be presented in row-major order\"";
inline constexpr Text kBatch =
    "OIP, Request Input: \"the shape and data must represent the full shape and contents of the "
    "entire batch\"";
inline constexpr Text kElement =
    "OIP, Tensor Data: \"Each element of the array may be an integer, floating-point number, "
    "string "
    "or boolean value.\"";
inline constexpr Text kCoerce =
    "OIP, Tensor Data: \"The server can decide to coerce each element to the required type or "
    "return an error\"";
inline constexpr Text kDataTypes = "OIP, Tensor Data Types: the table of names and sizes";
inline constexpr Text kInferError =
    "OIP, Inference: \"A failed inference request must be indicated by an HTTP error status\"";
inline constexpr Text kInferRequest = "OIP, Inference Request JSON Object";
inline constexpr Text kRequestInput = "OIP, Request Input: name, shape, datatype, data";
inline constexpr Text kRequestShape =
    "OIP, Request Input: \"an integer representable as an unsigned 64-bit integer value\"";
inline constexpr Text kPaths = "OIP, HTTP/REST: the table of verbs and paths";

// Extensions
inline constexpr Text kBinary = "Binary Tensor Data Extension";
inline constexpr Text kBinarySize =
    "Binary Tensor Data Extension: \"binary_data_size: the size of the tensor binary data, in "
    "bytes\"";
inline constexpr Text kBinaryData =
    "Binary Tensor Data Extension: \"binary_data: true if the output should be returned as binary "
    "data and false (or not given) if ... as JSON\"";
inline constexpr Text kBinaryOutput =
    "Binary Tensor Data Extension: \"binary_data_output: true if all outputs should be returned as "
    "binary data\"";
inline constexpr Text kBinaryOverride =
    "Binary Tensor Data Extension: \"If binary_data is specified on an output it overrides this\"";
inline constexpr Text kBinaryOrder =
    "Binary Tensor Data Extension: \"in the same order as the order of the input or output tensors "
    "are specified in the JSON\"";
inline constexpr Text kBinaryHeader =
    "Binary Tensor Data Extension: \"the Inference-Header-Content-Length header must be provided "
    "to give the length of the JSON object\"";
inline constexpr Text kBinaryLength =
    "Binary Tensor Data Extension: \"Content-Length continues to give the full body length\"";
inline constexpr Text kBinaryForm =
    "Binary Tensor Data Extension: \"little-endian byte order, row major, without stride or "
    "padding\"";
inline constexpr Text kRepositoryIndex =
    "Model Repository Extension, Index: \"A successful index request is indicated by a 200\"";
inline constexpr Text kRepositoryObject =
    "Model Repository Extension, Index: $repository_index_response";
inline constexpr Text kRepositoryReady =
    "Model Repository Extension, Index: \"Optional, default is false. If true return only models "
    "ready for inferencing.\"";
inline constexpr Text kRepositoryAll =
    "Model Repository Extension, Index: \"every model available in a model repository, even if it "
    "is not currently loaded\"";
inline constexpr Text kIndexError =
    "Model Repository Extension, Index: \"A failed index request must be indicated by an HTTP "
    "error\"";
inline constexpr Text kLoad =
    "Model Repository Extension, Load: \"A successful load request is indicated by a 200 HTTP "
    "status.\"";
inline constexpr Text kLoadBody =
    "Model Repository Extension, Load: \"The HTTP body may be empty or may contain the load "
    "request "
    "object\"";
inline constexpr Text kLoadAgain =
    "Model Repository Extension, Load: \"requests that a model be loaded ..., or reloaded if the "
    "model is already loaded\"";
inline constexpr Text kLoadObject =
    "Model Repository Extension, Load: \"parameters\" : $parameters #optional";
inline constexpr Text kRepositoryError =
    "Model Repository Extension, Load: \"A failed load request must be indicated by an HTTP "
    "error\"";
inline constexpr Text kUnload =
    "Model Repository Extension, Unload: \"A successful unload request is indicated by a 200 HTTP "
    "status.\"";
inline constexpr Text kUnloadError =
    "Model Repository Extension, Unload: \"A failed unload request must be indicated by an HTTP "
    "error\"";
inline constexpr Text kStatistics =
    "Statistics Extension: \"A successful statistics request is indicated by a 200\", "
    "$stats_model_response";
inline constexpr Text kStatisticsAll =
    "Statistics Extension: \"if not provided ... the statistics for all versions of all models\"";
inline constexpr Text kStatisticsModel =
    "Statistics Extension: \"Each $model_stat object gives the statistics for a specific model and "
    "version.\"";
inline constexpr Text kStatisticsLast =
    "Statistics Extension: \"The timestamp of the last inference request made for this model, as "
    "milliseconds since the epoch.\"";
inline constexpr Text kStatisticsInferences =
    "Statistics Extension: \"The cumulative count of successful inference requests made for this "
    "model.\"";
inline constexpr Text kStatisticsExecutions =
    "Statistics Extension: \"The cumulative count of the number of successful inference executions "
    "performed for the model.\"";
inline constexpr Text kStatisticsTimes = "Statistics Extension: $inference_stats";
inline constexpr Text kStatisticsDuration =
    "Statistics Extension: $duration_stat: \"count\" : $number, \"ns\" : $number";
inline constexpr Text kStatisticsSuccess =
    "Statistics Extension: \"The count and cumulative duration for all successful inference "
    "requests.\"";
inline constexpr Text kStatisticsBatches =
    "Statistics Extension: \"The aggregate statistics for each different batch size that is "
    "executed in the model.\"";
inline constexpr Text kStatisticsError =
    "Statistics Extension: \"A failed statistics request will be indicated by an HTTP error "
    "status\"";

inline constexpr Text kRegionParameters =
    "Shared-Memory Extension: \"The other two parameters are required. If only one of the two is "
    "given Triton will return an error.\"";
inline constexpr Text kRegionData =
    "Shared-Memory Extension, HTTP/REST: \"If the 'data' field is set Triton will return an "
    "error\"";
inline constexpr Text kRegionStatus =
    "Shared-Memory Extension, Status: \"A successful status request is indicated by a 200\", "
    "$system_shared_memory_status_response";
inline constexpr Text kRegionStatusError =
    "Shared-Memory Extension, Status: \"A failed status request must be indicated by an HTTP "
    "error\"";
inline constexpr Text kRegionRegister =
    "Shared-Memory Extension, Register: $system_shared_memory_register_request";
inline constexpr Text kRegionRegisterError =
    "Shared-Memory Extension, Register: \"A failed register request must be indicated by an HTTP "
    "error\"";
inline constexpr Text kRegionUnregister =
    "Shared-Memory Extension, Unregister: \"A successful register request is indicated by a 200 "
    "HTTP status.\"";

inline constexpr Text kTrace =
    "Trace Extension: \"A successful trace request is indicated by a 200 HTTP status code.\", "
    "$trace_response";
inline constexpr Text kTraceSettings =
    "Trace Extension: \"Currently the following trace settings are defined\"";
inline constexpr Text kTraceChange =
    "Trace Extension: \"the endpoint will return the updated trace setting on success\"";
inline constexpr Text kTraceError =
    "Trace Extension: \"A failed trace request will be indicated by an HTTP error status\"";

inline constexpr Text kSequence =
    "Sequence Extension: \"All inference requests that belong to the same sequence must use the "
    "same "
    "sequence ID.\"";
inline constexpr Text kSequenceId =
    "Sequence Extension: \"sequence_id: a string or uint64 value that identifies the sequence\"";
inline constexpr Text kSequenceText =
    "Sequence Extension: \"report 'sequence(string_id)' ... if the 'sequence_id' parameter "
    "supports "
    "string types\"";
inline constexpr Text kSequenceNone =
    "Sequence Extension: \"A sequence ID of 0 or '' indicates the inference request is not part of "
    "a "
    "sequence.\"";
inline constexpr Text kSequenceStart =
    "Sequence Extension: \"sequence_start: ... the request is the first in a sequence ... If set "
    "the "
    "'sequence_id' parameter must be set\"";
inline constexpr Text kSequenceEnd =
    "Sequence Extension: \"sequence_end: ... the request is the last in a sequence ... If set the "
    "'sequence_id' parameter must be set\"";

// HTTP and JSON
inline constexpr Text kJson = "RFC 8259, section 2: the grammar of a JSON text";
inline constexpr Text kJsonOrder = "RFC 8259, section 4: an object is an unordered collection";
inline constexpr Text kJsonEscape = "RFC 8259, section 7: any character may be escaped";
inline constexpr Text kJsonUtf8 = "RFC 8259, section 8.1: JSON is encoded using UTF-8";
inline constexpr Text kJsonParser =
    "RFC 8259, section 9: limits on size, depth and range of numbers";
inline constexpr Text kJsonNames = "RFC 8259, section 4: names within an object SHOULD be unique";
inline constexpr Text kMediaType = "RFC 9110, section 8.3: Content-Type";
inline constexpr Text kMediaTypeCase = "RFC 9110, section 8.3.1: types are case-insensitive";
inline constexpr Text kAccept = "RFC 9110, section 12.5.1: Accept";
inline constexpr Text kAcceptEncoding = "RFC 9110, section 12.5.3: Accept-Encoding";
inline constexpr Text kContentEncoding =
    "RFC 9110, section 8.4: Content-Encoding, 415 if not known";
inline constexpr Text kMethods = "RFC 9110, section 9.1: methods that are not known or not allowed";
inline constexpr Text kMethodCase = "RFC 9110, section 9.1: the method token is case-sensitive";
inline constexpr Text kAllow = "RFC 9110, section 15.5.6: a 405 MUST have the field Allow";
inline constexpr Text kHead = "RFC 9110, section 9.3.2: HEAD is GET without the content";
inline constexpr Text kHeadLength = "RFC 9110, section 8.6: Content-Length of HEAD is that of GET";
inline constexpr Text kExpect = "RFC 9110, section 10.1.1: 100 (Continue) or a final status";
inline constexpr Text kFieldCase = "RFC 9110, section 5.1: field names are case-insensitive";
inline constexpr Text kFieldSpace =
    "RFC 9112, section 5.1: a space before the colon MUST be refused";
inline constexpr Text kFieldLines =
    "RFC 9112, section 5: whitespace around a value is no part of it";
inline constexpr Text kFieldLimit = "RFC 9110, section 5.4: limits on fields, with a 4xx";
inline constexpr Text kFieldUnknown = "RFC 9110, section 5.1: unrecognized fields are ignored";
inline constexpr Text kFieldValue = "RFC 9110, section 5.5: CR, LF and NUL in a value";
inline constexpr Text kTargetEscape = "RFC 3986, section 6.2.2.2: %-encoded unreserved characters";
inline constexpr Text kTargetForm = "RFC 9112, section 3.2.2: a server MUST accept absolute-form";
inline constexpr Text kTargetLimit = "RFC 9112, section 3: 414 for a target that is too long";
inline constexpr Text kTargetBad = "RFC 9112, section 3.2: an invalid request target";
inline constexpr Text kRequestLine =
    "RFC 9112, section 2.2: what does not match the grammar is a 400";
inline constexpr Text kEmptyLine = "RFC 9112, section 2.2: an empty line before the request line";
inline constexpr Text kHost = "RFC 9112, section 3.2: no Host, or two, MUST be answered 400";
inline constexpr Text kLength = "RFC 9112, section 6.3: an invalid Content-Length is a 400";
inline constexpr Text kChunked = "RFC 9112, section 7.1: chunked MUST be understood; or 411";
inline constexpr Text kChunkExtension =
    "RFC 9112, section 7.1.1: unknown chunk extensions are ignored";
inline constexpr Text kTrailers = "RFC 9112, section 7.1.2: fields after the last chunk";
inline constexpr Text kCoding = "RFC 9112, section 6.1: a transfer coding that is not understood";
inline constexpr Text kBothLengths =
    "RFC 9112, section 6.1: Transfer-Encoding with Content-Length: refused, or closed after it";
inline constexpr Text kIncomplete = "RFC 9112, section 8: messages that end early are incomplete";
inline constexpr Text kPersistent = "RFC 9112, section 9.3: HTTP/1.1 connections persist";
inline constexpr Text kPipeline = "RFC 9112, section 9.3.2: responses in the order of requests";
inline constexpr Text kClose = "RFC 9112, section 9.6: \"close\" ends the connection";
inline constexpr Text kOldClient = "RFC 9112, section 6.1: no Transfer-Encoding to HTTP/1.0";
inline constexpr Text kVersion = "RFC 9110, section 2.5: the version of HTTP in a response";

}  // namespace hf::serve::conform::source
