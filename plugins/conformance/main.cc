// Runs a file of cases through the C interface: `conformance ISA CASES ANSWERS`. One static program, so that it also
// runs under an emulator of another machine. The formats are in casefile.h.
#include <algorithm>
#include <exception>
#include <memory>

#include "../patchskip.h"
#include "casefile.h"
#include "fenced.h"

namespace patchskip {
namespace {

struct Tensor {
  ps_tensor view = {};
  std::shared_ptr<Fenced> memory;  // shared by an input and the output that is its alias
};

struct Attribute {
  std::string name;
  int32_t kind, count;
  std::vector<char> values;
};

struct Case {
  std::string op;
  int32_t threads;
  std::vector<Attribute> attributes;
  std::vector<Tensor> inputs, outputs;
  std::vector<int32_t> alias;
};

size_t SizeOf(int32_t dtype) { return dtype == PS_UINT8 ? 1 : 4; }

Tensor ReadTensor(Reader& in) {
  Tensor tensor;
  tensor.view.dtype = in.Value<int32_t>();
  if (!tensor.view.dtype) return tensor;
  tensor.view.rank = in.Value<int32_t>();
  size_t size = SizeOf(tensor.view.dtype);
  for (int32_t i = 0; i < tensor.view.rank; ++i) size *= tensor.view.shape[i] = in.Value<int64_t>();
  tensor.memory = std::make_shared<Fenced>(size);
  tensor.view.data = tensor.memory->data();
  in.Bytes(tensor.view.data, size);
  return tensor;
}

Case ReadCase(Reader& in) {
  Case c;
  c.op = in.Text();
  c.threads = in.Value<int32_t>();
  c.attributes.resize(in.Value<int32_t>());
  for (Attribute& attribute : c.attributes) {
    attribute.name = in.Text();
    attribute.kind = in.Value<int32_t>();
    attribute.count = in.Value<int32_t>();
    const size_t size = attribute.kind == PS_INTS ? 8 : attribute.kind == PS_FLOATS ? 4 : 1;
    attribute.values.resize(attribute.count * size);
    in.Bytes(attribute.values.data(), attribute.values.size());
  }
  for (int32_t n = in.Value<int32_t>(); n > 0; --n) c.inputs.push_back(ReadTensor(in));
  for (int32_t n = in.Value<int32_t>(); n > 0; --n) {
    c.alias.push_back(in.Value<int32_t>());
    c.outputs.push_back(ReadTensor(in));
    if (c.alias.back() >= 0) c.outputs.back().memory = c.inputs.at(c.alias.back()).memory;
    c.outputs.back().view.data = c.outputs.back().memory->data();
  }
  return c;
}

std::vector<ps_tensor> Views(const std::vector<Tensor>& tensors) {
  std::vector<ps_tensor> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view);
  return views;
}

std::vector<char> Copy(const Tensor& tensor) {
  if (!tensor.memory) return {};
  const char* data = static_cast<const char*>(tensor.memory->data());
  return std::vector<char>(data, data + tensor.memory->size());
}

// -> Status. Everything but the outputs must be as it was.
int32_t Run(const Case& c, std::string* message) {
  std::vector<ps_attribute> attributes;
  for (const Attribute& a : c.attributes) attributes.push_back({a.name.c_str(), a.kind, a.count, a.values.data()});
  std::unique_ptr<ps_operator, void (*)(ps_operator*)> op(
      ps_create(c.op.c_str(), attributes.data(), static_cast<int32_t>(attributes.size())), ps_destroy);
  *message = op ? "" : ps_last_error();
  if (!op) return kNotCreated;

  std::vector<std::vector<char>> before;
  for (const Tensor& input : c.inputs) before.push_back(Copy(input));
  const std::vector<ps_tensor> inputs = Views(c.inputs), outputs = Views(c.outputs);
  ps_set_threads(c.threads);
  if (ps_run(op.get(), inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
             static_cast<int32_t>(outputs.size()))) {
    *message = ps_last_error();
    return kNotRun;
  }
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const bool written = c.alias.end() != std::find(c.alias.begin(), c.alias.end(), static_cast<int32_t>(i));
    if (!written && Copy(c.inputs[i]) != before[i]) {
      *message = "input " + std::to_string(i) + " was written to";
      return kWroteInput;
    }
  }
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    if (!c.outputs[i].memory->Intact()) {
      *message = "memory before output " + std::to_string(i) + " was written to";
      return kWroteOutside;
    }
  }
  return kDone;
}

void RunFile(const char* cases, const char* answers) {
  Reader in(cases);
  Writer out(answers);
  char magic[8];
  in.Bytes(magic, 8);
  if (std::string(magic, 8) != "PSCASES1") throw std::runtime_error("not a file of cases");
  out.Bytes("PSANSWER", 8);
  for (int32_t n = in.Value<int32_t>(); n > 0; --n) {
    const Case c = ReadCase(in);
    std::string message;
    const int32_t status = Run(c, &message);
    out.Value<int32_t>(status);
    out.Text(message);
    for (const Tensor& output : c.outputs) out.Bytes(output.memory->data(), output.memory->size());
    out.Flush();
  }
}

}  // namespace
}  // namespace patchskip

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: conformance ISA CASES ANSWERS\nISA: one of %s\n", ps_isas());
    return 2;
  }
  if (ps_set_isa(argv[1])) {
    fprintf(stderr, "conformance: instruction set %s is not usable here; one of %s is\n", argv[1], ps_isas());
    return 2;
  }
  try {
    patchskip::RunFile(argv[2], argv[3]);
  } catch (const std::exception& error) {
    fprintf(stderr, "conformance: %s\n", error.what());
    return 1;
  }
  return 0;
}
