"""Border to ComfyUI: its node API, conditionings, memory manager and model folders."""
