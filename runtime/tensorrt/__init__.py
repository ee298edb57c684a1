"""TensorRT: engines are built of exported models, and run."""
