"""Triton's `onnxruntime` backend on its Python backend: a model's folder holds <version>/model.onnx, nothing else.

Triton runs one process an instance of a model; this is what runs in it. Settings of ONNX Runtime are those of the embedded
model server, so that both give the same numbers.
"""

import os

import numpy
import triton_python_backend_utils as triton

# The batch size that a model gets whose configuration names no tensors and whose first dimensions are all free.
DEFAULT_MAX_BATCH_SIZE = 4

# What a configuration calls a type, by ONNX Runtime's name of it.
TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
}


def opened(path):
    """The session of a model's file. Raises what ONNX Runtime says of a file that it cannot take."""
    # Not above: Triton runs this file once more before, only to see the configuration completed.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # The arena keeps its peak for ever; without it a large request's memory goes back.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def described(tensor, batched):
    dims = [size if isinstance(size, int) else -1 for size in tensor.shape]
    return {"name": tensor.name, "data_type": TYPES[tensor.type], "dims": dims[1:] if batched else dims}


def each(array, change):
    result = numpy.empty(array.size, dtype=object)
    result[:] = [change(element) for element in array.reshape(-1)]
    return result.reshape(array.shape)


def texts(array):
    """Triton gives texts as bytes; ONNX Runtime takes Python's own texts, and would write bytes as Python does."""
    return each(array, lambda element: element.decode("utf-8"))


def text_bytes(array):
    return each(array, lambda element: element.encode("utf-8"))


def model_file():
    """The file that this process was started for; Triton names it in its first argument and nowhere else at that time."""
    with open("/proc/self/cmdline", "rb") as arguments:
        return os.fsdecode(arguments.read().split(b"\0")[1])


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        """Takes the tensors from the model where the configuration names none."""
        config = auto_complete_model_config.as_dict()
        if config["input"] and config["output"]:
            return auto_complete_model_config
        session = opened(model_file())
        tensors = session.get_inputs() + session.get_outputs()
        free = all(len(tensor.shape) > 0 and not isinstance(tensor.shape[0], int) for tensor in tensors)
        if free and config["max_batch_size"] == 0:
            config["max_batch_size"] = DEFAULT_MAX_BATCH_SIZE
            auto_complete_model_config.set_dynamic_batching()
        batched = config["max_batch_size"] > 0
        if not config["input"]:
            for tensor in session.get_inputs():
                auto_complete_model_config.add_input(described(tensor, batched))
        if not config["output"]:
            for tensor in session.get_outputs():
                auto_complete_model_config.add_output(described(tensor, batched))
        return auto_complete_model_config

    def initialize(self, args):
        try:
            self.session = opened(model_file())
        except Exception as error:
            raise triton.TritonModelException(str(error)) from error

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        try:
            feed = {}
            for tensor in request.inputs():
                array = tensor.as_numpy()
                feed[tensor.name()] = texts(array) if array.dtype == object else array
            # Of several outputs Triton's own backends give the first by its name first.
            wanted = sorted(request.requested_output_names())
            found = self.session.run(wanted, feed)
            outputs = [
                triton.Tensor(name, text_bytes(array) if array.dtype == object else array)
                for name, array in zip(wanted, found)
            ]
            return triton.InferenceResponse(output_tensors=outputs)
        except UnicodeDecodeError:
            error = triton.TritonError("a text is not UTF-8", triton.TritonError.INVALID_ARG)
        except Exception as cause:
            error = triton.TritonError(str(cause))
        return triton.InferenceResponse(error=error)
