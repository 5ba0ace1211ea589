using Microsoft.Playwright;
using NUnit.Framework;

namespace Serving.Tests.Support;

/// <summary>A chromium that is on the PATH, for tests of pages; with <c>SERVING_TEST_SCREENSHOTS=docs</c> it takes the pictures in
/// docs/images.</summary>
internal sealed class PageBrowser : IAsyncDisposable
{
    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private PageBrowser(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    /// <summary>Whether pictures are taken.</summary>
    public static bool TakesPictures => Environment.GetEnvironmentVariable("SERVING_TEST_SCREENSHOTS") is "docs";

    /// <summary>Starts it; null when there is none.</summary>
    public static async Task<PageBrowser?> StartAsync()
    {
        if (Find() is not { } path)
            return null;
        var playwright = await Playwright.CreateAsync();
        return new PageBrowser(playwright, await playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox"] }));
    }

    /// <summary>Skips a test without a browser.</summary>
    public static PageBrowser Require(PageBrowser? browser)
    {
        if (browser is null)
            Assert.Ignore("chromium is not on the PATH: the tests that use it are skipped");
        return browser!;
    }

    /// <summary>A fresh profile with a screen of this width.</summary>
    public Task<IBrowserContext> NewContextAsync(int width = 1280, ColorScheme scheme = ColorScheme.Light) =>
        _browser.NewContextAsync(
            new()
            {
                ViewportSize = new() { Width = width, Height = 800 },
                ColorScheme = scheme,
                ReducedMotion = ReducedMotion.Reduce,
            }
        );

    /// <summary>Takes a picture for the documentation, when that is asked for.</summary>
    public static async Task TakeAsync(IPage page, string name, int height)
    {
        if (TakesPictures)
        {
            await page.SetViewportSizeAsync(page.ViewportSize!.Width, height);
            await page.ScreenshotAsync(new() { Path = Repository.PathOf("docs", "images", name + ".png") });
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }

    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .SelectMany(static folder =>
                new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => Path.Combine(folder, name))
            )
            .FirstOrDefault(File.Exists);
}
