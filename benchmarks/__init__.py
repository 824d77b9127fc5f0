"""The main job, fits to certified data; the figures of speed and memory; forward against reverse mode."""
