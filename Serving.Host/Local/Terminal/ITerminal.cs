namespace Serving.Host.Local.Terminal;

/// <summary>Where <c>local</c> says what it does.</summary>
internal interface ITerminal
{
    /// <summary>One line of progress or news.</summary>
    void Line(string text);

    /// <summary>Shows the cluster until cancelled.</summary>
    Task ShowAsync(ClusterView view, string title, CancellationToken cancellation);
}
