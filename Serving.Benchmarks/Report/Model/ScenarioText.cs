namespace Serving.Benchmarks.Report.Model;

/// <summary>How the report describes a scenario.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="Title">The head of its section.</param>
/// <param name="Method">What is measured and how, in Markdown.</param>
internal sealed record ScenarioText(string Name, string Title, string Method);
