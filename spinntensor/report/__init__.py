"""Tables, plots and pages about measured and predicted figures; reads everything, and nothing reads it."""
