"""Engine: sessions, the frame loop, backends, telemetry and recording. Never imports torch or pygame."""
