"""Reading, writing and measuring sound. Arrays are float32, full scale 1.0; C channels, N samples per channel."""
