using System.Text.Json.Serialization;

namespace Serving.Benchmarks.Report.Model;

/// <summary>The form of a plot.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PlotKind>))]
internal enum PlotKind
{
    /// <summary>Lines over numbers.</summary>
    Lines,

    /// <summary>A bar for each series beside each other in each category.</summary>
    Bars,

    /// <summary>The series on top of each other in each category.</summary>
    StackedBars,
}
