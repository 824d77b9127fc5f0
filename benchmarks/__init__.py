"""The main job, fits to certified data, and the figures of speed and memory: ``python -m benchmarks``."""
