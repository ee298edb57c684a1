// Without TensorRT: the node alone.
#include <cstring>

#include "common/listed_attributes.h"
#include "common/status.h"
#include "host.h"
#include "tensorrt/node.h"

using namespace patchskip;
using namespace patchskip::tensorrt;

struct host_plugin {
  Node node;
};

namespace {

std::string logged;

template <typename Body>
int32_t status(Body body) {
  const int32_t failed = guarded(body);
  if (failed) logged += last_error() + "\n";
  return failed;
}

template <typename Read>
host_plugin* make(const char* name, Read read) {
  host_plugin* made = nullptr;
  status([&] { made = new host_plugin{Node("layer", name, read())}; });
  return made;
}

void copy(StoredAttributes* to, const ps_attribute& a) {
  const int64_t* ints = static_cast<const int64_t*>(a.values);
  const float* floats = static_cast<const float*>(a.values);
  if (a.kind == PS_INTS) to->set(a.name, std::vector<int64_t>(ints, ints + a.count));
  if (a.kind == PS_FLOATS) to->set(a.name, std::vector<float>(floats, floats + a.count));
  if (a.kind == PS_STRING) to->set(a.name, std::string(static_cast<const char*>(a.values), a.count));
}

}  // namespace

int32_t host_open(const char*, const char*) { return 0; }

const char* host_log() {
  static std::string taken;
  taken.clear();
  taken.swap(logged);
  return taken.c_str();
}

host_plugin* host_create(const char* name, const ps_attribute* attributes, int32_t count) {
  return make(name, [&] {
    StoredAttributes made;
    for (int i = 0; i < count; ++i) copy(&made, attributes[i]);
    return made;
  });
}

host_plugin* host_deserialise(const char* name, const void* bytes, int32_t size) {
  return make(name, [&] { return StoredAttributes::from_bytes(bytes, size); });
}

host_plugin* host_clone(host_plugin* plugin) { return new host_plugin{plugin->node}; }
void host_destroy(host_plugin* plugin) { delete plugin; }

int32_t host_serialise(host_plugin* plugin, void* to) {
  const std::string bytes = plugin->node.attributes.bytes();
  if (to) std::memcpy(to, bytes.data(), bytes.size());
  return static_cast<int32_t>(bytes.size());
}

int32_t host_outputs(host_plugin* plugin) { return plugin->node.signature.outputs(); }
int32_t host_aliased_input(host_plugin* plugin, int32_t output) { return plugin->node.signature.aliased_input(output); }

int32_t host_output(host_plugin* plugin, int32_t output, const ps_tensor* inputs, int32_t n_inputs, ps_tensor* like) {
  return status([&] {
    const std::vector<Tensor> given(inputs, inputs + n_inputs);
    const std::vector<int64_t> shape = plugin->node.signature.output_shape(output, given);
    like->dtype = plugin->node.signature.output_type(output, given);
    like->rank = static_cast<int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), like->shape);
  });
}

int32_t host_accepts(host_plugin* plugin, int32_t position, const ps_tensor* tensors, int32_t n_inputs, int32_t,
                     int32_t linear) {
  bool accepted = false;
  status([&] { accepted = linear && plugin->node.accepts({tensors, tensors + position + 1}, n_inputs); });
  return accepted;
}

int32_t host_configure(host_plugin* plugin, const ps_tensor* tensors, int32_t n_inputs, int32_t) {
  return status([&] { plugin->node.prepare({tensors, tensors + n_inputs}); });
}

int64_t host_workspace(host_plugin* plugin, const ps_tensor* tensors, int32_t n_inputs, int32_t) {
  int64_t bytes = 0;
  status([&] { bytes = plugin->node.plan({tensors, tensors + n_inputs}).workspace_bytes; });
  return bytes;
}

int32_t host_enqueue(host_plugin* plugin, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs,
                     void* workspace, void* stream) {
  std::vector<void*> data;
  for (int i = 0; i < n_inputs + n_outputs; ++i) data.push_back(tensors[i].data);
  return status([&] { plugin->node.enqueue(data.data(), data.data() + n_inputs, workspace, stream); });
}
